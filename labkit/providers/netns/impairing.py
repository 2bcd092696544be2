"""What makes a network bad: tc(8) with netem, and the bridge's packet filter; both act in the caller's namespace."""

import subprocess
from collections.abc import Iterable, Iterator, Mapping

from labkit.diagnostics import LabkitError
from labkit.lab.provider import Drop, Impairment

_PARTS = 1_000_000  # of which a share is counted


def netem(impairment: Impairment) -> list[str]:
    """Return netem's own arguments, as netem(8) names them; reordering needs a delay to jump ahead of."""
    arguments = []
    if impairment.delay or impairment.jitter or impairment.reorder:
        arguments += ["delay", f"{impairment.delay or 10_000}us"]
        arguments += [f"{impairment.jitter}us"] if impairment.jitter else []
    for name in ("loss", "duplicate", "reorder"):
        if share := getattr(impairment, name):
            arguments += [name, f"{share * 100:g}%"]
    return arguments


def apply(interface: str, impairment: Impairment | None) -> str:
    """Put netem on what an interface sends, or take it away; return why it cannot be, empty when it is done."""
    done = _run(["tc", "qdisc", "del", "dev", interface, "root"])
    if impairment is not None:
        done = _run(["tc", "qdisc", "add", "dev", interface, "root", "netem", *netem(impairment)])
    return done if impairment is not None else ""


def drop(drops: Iterable[Drop], ports: Mapping[str, str]) -> None:
    """Have the bridge of this namespace drop frames between the ports of nodes.

    Raises:
        LabkitError: nft is not there, or the kernel has no packet filter for bridges.
    """
    rules = "".join(f"    {rule}\n" for rule in _rules(drops, ports))
    chain = f"  chain frames {{\n    type filter hook forward priority 0\n{rules}  }}\n"
    text = f"add table bridge labkit\ndelete table bridge labkit\ntable bridge labkit {{\n{chain}}}\n"
    if failed := _run(["nft", "-f", "-"], text):
        raise LabkitError(f"the switch cannot drop frames here: {failed}")


def _rules(drops: Iterable[Drop], ports: Mapping[str, str]) -> Iterator[str]:
    for each in drops:
        words = [f'iifname "{ports[each.source]}"'] if each.source else []
        words += [f'oifname "{ports[each.target]}"'] if each.target else []
        words += ["meta l4proto { 51, 112 }"] if each.adverts else []
        words += [f"numgen random mod {_PARTS} < {round(each.share * _PARTS)}"] if each.share < 1 else []
        yield " ".join([*words, "drop"])


def _run(argv: list[str], text: str = "") -> str:
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"{argv[0]}: {error.strerror}"
    return (
        (done.stderr.strip().splitlines() or [f"{argv[0]} ended with {done.returncode}"])[0] if done.returncode else ""
    )
