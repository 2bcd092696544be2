"""Kathará: lab.conf and the devices' startup scripts as a draft.

Source: kathara-lab.conf(5) and kathara-lab-dirs(7).
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from labkit.diagnostics import Diagnostic, LabkitError, RefusedError, Span
from labkit.lab.export.target import DAEMON_SCRIPT
from labkit.lab.importing.commands import Startup, words_of
from labkit.lab.importing.draft import Device, Draft, Port

_LINE = re.compile(r"""(?P<name>[a-z0-9_]{1,30})\[(?P<key>\w+)\]=(["']?)(?P<value>[^"']+)\3(\s+\#.*)?""")
_META = re.compile(r"""LAB_(NAME|DESCRIPTION|VERSION|AUTHOR|EMAIL|WEB)=["']?(?P<value>[^"']*)["']?""")
_HERE = re.compile(r"""(?<!<)<<-?\s*(["'\\]?)([A-Za-z_]\w*)""")
_DOMAIN = re.compile(r"(\w+)(/[0-9A-Fa-f:]{17})?")
_CONFIG = "etc/keepalived/keepalived.conf"


class _Lab:
    """What lab.conf says so far."""

    def __init__(self) -> None:
        self.title = ""
        self.spans: dict[str, Span] = {}
        self.ports: dict[str, dict[int, tuple[str, Span]]] = {}
        self.sysctls: dict[str, dict[str, str]] = {}
        self.commands: dict[str, list[tuple[str, Span]]] = {}
        self.left_out: list[str] = []
        self.complaints: list[Diagnostic] = []

    def take(self, line: str, span: Span) -> None:
        """Take one line."""
        if meta := _META.fullmatch(line):
            if meta[1] == "DESCRIPTION" or (meta[1] == "NAME" and not self.title):
                self.title = meta["value"].strip()
            return
        found = _LINE.fullmatch(line)
        if found is None:
            hint = 'DEVICE[0]="DOMAIN" or DEVICE[option]="value", with a device of small letters, digits and _'
            self.complaints.append(Diagnostic(span=span, message="lab.conf has no such line", hint=hint))
            return
        name, key, value = found["name"], found["key"], found["value"]
        at = Span(file=span.file, line=span.line, column=span.column + found.start("value"))
        self.spans.setdefault(name, span)
        if key.isdecimal():
            self._connect(name, int(key), value, at)
        elif key == "sysctl":
            setting, _, text = value.partition("=")
            self.sysctls.setdefault(name, {})[setting.strip()] = text.strip()
        elif key == "exec":
            self.commands.setdefault(name, []).append((value, at))
        elif key != "image":
            self.left_out.append(f"{span}: {name}[{key}]")

    def _connect(self, name: str, number: int, value: str, at: Span) -> None:
        domain = _DOMAIN.fullmatch(value)
        if domain is None:
            hint = "letters, digits and _, and perhaps /MAC, such as A or A/02:00:00:00:00:01"
            self.complaints.append(Diagnostic(span=at, message=f"'{value}' is no collision domain", hint=hint))
        elif first := self.ports.setdefault(name, {}).get(number):
            hint = f"another number; the first is at line {first[1].line}"
            self.complaints.append(Diagnostic(span=at, message=f"{name}[{number}] stands here twice", hint=hint))
        else:
            self.ports[name][number] = (domain[1], at)


def read(folder: Path) -> Draft:
    """Read a folder that holds a lab.conf.

    Raises:
        RefusedError: a line of it, or of a startup script, is wrong; holds everything found.
    """
    path = folder / "lab.conf"
    lab = _Lab()
    for line, span in _lines(path):
        if not line.startswith("#"):
            lab.take(line, span)
    devices = []
    left_out, complaints = [*lab.left_out, *_other_files(folder)], list(lab.complaints)
    for name in lab.spans:
        startup = Startup(sysctls=dict(lab.sysctls.get(name, {})))
        for line, span in _commands(folder, lab, name):
            if not line.startswith("#"):
                startup.read(line, span)
        devices.append(_device(folder, lab, name, startup))
        left_out += [*startup.left_out, *_files(folder / name)]
        complaints += startup.complaints
    if complaints:
        raise RefusedError(dict.fromkeys(complaints))
    title = lab.title or folder.resolve().name
    return Draft(
        title=title, source=f"Kathará's {path}", devices=tuple(devices), left_out=tuple(dict.fromkeys(left_out))
    )


def _commands(folder: Path, lab: _Lab, name: str) -> Iterator[tuple[str, Span]]:
    """Yield what a device runs at its start, in Kathará's order."""
    for script in (folder / "shared.startup", folder / f"{name}.startup"):
        yield from _joined(_lines(script)) if script.is_file() else ()
    yield from lab.commands.get(name, ())


def _joined(lines: Iterator[tuple[str, Span]]) -> Iterator[tuple[str, Span]]:
    """Yield the lines, each with the next while a backslash or a quote has it go on, without here-documents' text."""
    for first, span in lines:
        line = first
        while (escaped := line.endswith("\\")) or _open(line):
            more = [text for text, _ in islice(lines, 1)] if escaped else list(_to_the_next_quote(lines))
            line = "".join((line[:-1], *more)) if escaped else "\n".join((line, *more))
            if not more:
                break
        yield line, span
        for _, word in [] if line.startswith("#") else _HERE.findall(line):
            for text, _ in lines:
                if text == word:
                    break


def _to_the_next_quote(lines: Iterator[tuple[str, Span]]) -> Iterator[str]:
    """Yield lines, the last of which is the first that may end a quoted text, or goes on by itself."""
    for text, _ in lines:
        yield text
        if "'" in text or '"' in text or text.endswith("\\"):
            return


def _open(line: str) -> bool:
    """Return whether a quote is open at the end of the line."""
    try:
        words_of(line)
    except ValueError:
        return True
    return False


def _other_files(folder: Path) -> Iterator[str]:
    """Yield the files that are no device's alone, and those that run at its end."""
    for path in (folder / "lab.dep", *sorted(folder.glob("*.shutdown")), *_below(folder / "shared")):
        if path.is_file():
            yield str(path)


def _files(folder: Path) -> Iterator[str]:
    """Yield the files of a device that a lab does not take, or has itself."""
    for path in _below(folder):
        if str(path.relative_to(folder)) not in (_CONFIG, DAEMON_SCRIPT.removeprefix("/")):
            yield str(path)


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if not path.is_dir())


def _device(folder: Path, lab: _Lab, name: str, startup: Startup) -> Device:
    ports = []
    for number, (domain, span) in sorted(lab.ports.get(name, {}).items()):
        address, where = startup.addresses.get(f"eth{number}", (None, None))
        ports.append(Port(interface=f"eth{number}", segment=domain, span=span, address=address, address_span=where))
    config = folder / name / _CONFIG
    return Device(
        source_name=name,
        span=lab.spans[name],
        ports=tuple(ports),
        gateway=startup.gateway,
        loopback=tuple(startup.loopback),
        sysctls=tuple(startup.sysctls.items()),
        config=(_text(config), str(config)) if config.is_file() else None,
    )


def _lines(path: Path) -> Iterator[tuple[str, Span]]:
    """Yield each line that is not empty, without the space around it, with the place where it begins."""
    for number, line in enumerate(_text(path).splitlines(), 1):
        text = line.strip()
        if text:
            yield text, Span(file=str(path), line=number, column=line.index(text[0]) + 1)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise LabkitError(f"{path} cannot be read: {reason}") from error
