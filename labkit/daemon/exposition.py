"""Families of figures in Prometheus' text format (exposition formats, 0.0.4).  Pure."""

from collections.abc import Iterable

from labkit.values import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure of a family, and which it is."""

    labels: dict[str, str]
    value: float


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> str:
    """Return the lines of a family; `kind` is gauge or counter, `text` says what it counts."""
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    for sample in samples:
        labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in sample.labels.items())
        value = int(sample.value) if float(sample.value).is_integer() else sample.value
        lines.append(f"{name}{{{labels}}} {value}" if labels else f"{name} {value}")
    return "\n".join(lines) + "\n"
