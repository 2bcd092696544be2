"""What the start commands of a machine say of its network: addresses, the default route, kernel settings, a bridge.

Other tools configure machines by shell commands, so these are read as far as labs know what they do: `ip address add`,
`ip route add default`, `ifconfig`, `route add default`, `sysctl`, `echo N > /proc/sys/...`, `ip link add ... type
bridge`, `brctl addbr`.  The rest is kept in `left_out`, for the person who imports.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface

from labkit.diagnostics import Diagnostic, Span

_SHELLS = ("sh", "bash", "ash", "dash")
_SEPARATORS = {";", "&&", "||", "&", "|", "\n"}


def words_of(line: str) -> list[str]:
    """Return the words and operators of a line of shell.

    Raises:
        ValueError: a quote is open at its end.
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


@dataclass(slots=True)
class Startup:
    """What was read of one machine's commands so far."""

    addresses: dict[str, tuple[IPv4Interface, Span]] = field(default_factory=dict)
    loopback: list[IPv4Address] = field(default_factory=list)
    gateway: IPv4Address | None = None
    sysctls: dict[str, str] = field(default_factory=dict)
    bridges: bool = False  # it is a switch
    left_out: list[str] = field(default_factory=list)
    complaints: list[Diagnostic] = field(default_factory=list)

    def read(self, line: str, span: Span) -> None:
        """Take one line of shell, or one command."""
        try:
            words = words_of(line)
        except ValueError as error:
            self._complain(span, f"a line that no shell can read: {str(error).lower()}", "close the quotes")
            return
        command: list[str] = []
        for word in [*words, ";"]:
            if word not in _SEPARATORS:
                command.append(word)
                continue
            if command:
                self._command(command, span)
            command = []

    def _command(self, words: Sequence[str], span: Span) -> None:
        program, *rest = words
        program = program.rpartition("/")[2]
        if program in _SHELLS and rest[:1] in (["-c"], ["-ec"], ["-lc"]) and len(rest) > 1:
            self.read(rest[1], span)
            return
        try:
            known = self._known(program, [word for word in rest if word not in ("-4", "-q")], span)
        except ValueError as error:
            self._complain(span, str(error).lower().replace("'", ""), "an IPv4 address such as 192.168.1.21/24")
            return
        if not known:
            self.left_out.append(f"{span}: {' '.join(' '.join(words).split())}")

    def _known(self, program: str, rest: list[str], span: Span) -> bool:
        match program, rest:
            case "ip", [what, verb, *words]:
                return self._ip(what, verb, words, span)
            case "brctl", ["addbr" | "addif" as verb, *_]:
                self.bridges = self.bridges or verb == "addbr"
            case "ifconfig", [interface, *words] if words:
                return self._ifconfig(interface, words, span)
            case "route", ["add", *words]:
                return self._route([word for word in words if word != "-net"], "gw")
            case "sysctl", words:
                return self._settings([word for word in words if not word.startswith("-")])
            case "echo", [value, ">", path] if path.startswith("/proc/sys/net/"):
                self.sysctls[path.removeprefix("/proc/sys/").replace("/", ".")] = value
            case _:
                return any(word.endswith("keepalived") for word in (program, *rest))  # routers of a lab start it
        return True

    def _ip(self, what: str, verb: str, words: list[str], span: Span) -> bool:
        adding = verb in ("a", "ad", "add", "replace")
        if "address".startswith(what) and adding:
            return self._address(words, span)
        if "route".startswith(what) and adding:
            return self._route(words, "via")
        if "link".startswith(what) and adding and "bridge" in words:
            self.bridges = True
            return True
        return "link".startswith(what) and verb == "set"  # interfaces are up, and ports of a bridge are its links

    def _address(self, words: list[str], span: Span) -> bool:
        if "dev" not in words[:-1]:
            return False
        at = words.index("dev")
        rest = [word for word in (*words[:at], *words[at + 2 :]) if word != "local"]
        return bool(rest) and self._give(words[at + 1], rest[0], span)

    def _ifconfig(self, interface: str, words: list[str], span: Span) -> bool:
        if words[0] in ("up", "down", "inet6", "mtu", "hw", "promisc"):
            return words == ["up"]
        words = words[1:] if words[0] == "inet" and len(words) > 1 else words
        mask = words[words.index("netmask") + 1] if "netmask" in words[:-1] else ""
        return self._give(interface, f"{words[0]}/{mask}" if mask else words[0], span)

    def _give(self, interface: str, text: str, span: Span) -> bool:
        if _not_read(text):
            return False
        address = IPv4Interface(text)
        if interface == "lo":
            self.loopback.append(address.ip)
        elif interface in self.addresses:
            return False  # an interface of a lab has one address
        else:
            self.addresses[interface] = (address, span)
        return True

    def _route(self, words: list[str], word: str) -> bool:
        if words[:1] not in (["default"], ["0.0.0.0/0"]) or word not in words[:-1]:
            return False
        gateway = words[words.index(word) + 1]
        if _not_read(gateway):
            return False
        self.gateway = IPv4Address(gateway)
        return True

    def _settings(self, words: list[str]) -> bool:
        pairs = [word.partition("=") for word in words]
        if not pairs or not all(name.strip().startswith("net.") and equals for name, equals, _ in pairs):
            return False
        self.sysctls |= {name.strip(): value.strip() for name, _, value in pairs}
        return True

    def _complain(self, span: Span, message: str, hint: str) -> None:
        self.complaints.append(Diagnostic(span=span, message=message, hint=hint))


def _not_read(address: str) -> bool:
    """Return whether an address is none that this reads: labs are IPv4, and a shell's variable may be anything."""
    return ":" in address or "$" in address
