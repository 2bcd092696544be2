"""The table of a director as `ipvsadm -L` prints it, to the blank.  Pure."""

from collections.abc import Callable, Iterator
from enum import StrEnum

from labkit.daemon.report import ServerRow, ServiceRow, TableReport
from labkit.lvs.traffic import Traffic

_FORWARDING = {"NAT": "Masq", "DR": "Route", "TUN": "Tunnel"}
_TITLE = "IP Virtual Server version 1.2.1 (size=4096)"
_EXACT = 100_000_000  # from here on numbers are in thousands, and so on


class Form(StrEnum):
    """What is shown of services and servers."""

    PLAIN = ""
    STATS = "stats"
    RATE = "rate"
    THRESHOLDS = "thresholds"
    PERSISTENT = "persistent"


def text(table: TableReport, form: Form = Form.PLAIN, *, exact: bool = False, only: str = "") -> str:
    """Return the services that the kernel has; `exact` writes large numbers in full, `only` is the name of a service.

    Nothing is returned for a service that is not there.
    """
    wanted = [one for one in table.services if one.listed and only in ("", service_name(one))]
    if only and not wanted:
        return ""
    lines = [*_HEADINGS[form]] if only else [_TITLE, *_HEADINGS[form]]
    for service in wanted:
        lines += _service(service, form, exact=exact)
    return "\n".join(lines) + "\n"


_HEADINGS = {
    Form.PLAIN: (
        "Prot LocalAddress:Port Scheduler Flags",
        "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
    ),
    Form.STATS: (
        f"{'Prot LocalAddress:Port':<33}    Conns   InPkts  OutPkts  InBytes OutBytes",
        "  -> RemoteAddress:Port",
    ),
    Form.RATE: (
        f"{'Prot LocalAddress:Port':<33}      CPS    InPPS   OutPPS    InBPS   OutBPS",
        "  -> RemoteAddress:Port",
    ),
    Form.THRESHOLDS: (
        f"{'Prot LocalAddress:Port':<33} Uthreshold Lthreshold ActiveConn InActConn ",
        "  -> RemoteAddress:Port",
    ),
    Form.PERSISTENT: (
        f"{'Prot LocalAddress:Port':<33} Weight    PersistConn ActiveConn InActConn ",
        "  -> RemoteAddress:Port",
    ),
}


def _service(service: ServiceRow, form: Form, *, exact: bool) -> Iterator[str]:
    name = service_name(service)
    figures = _figures(form, exact=exact)
    yield f"{name} {_options(service)}" if figures is None else f"{name:<33}{figures(service.traffic)}"
    for server in service.servers:
        if server.listed:
            yield _plain(server, form) if figures is None else f"  -> {place(server):<28}{figures(server.traffic)}"


def service_name(service: ServiceRow) -> str:
    """Return how ipvsadm calls a service."""
    if service.fwmark:
        return f"FWM  {service.fwmark}" + (" IPv6" if service.family == 6 else "")
    return f"{service.protocol:<4} {place(service)}"


def place(row: ServiceRow | ServerRow) -> str:
    """Return address and port."""
    return f"[{row.address}]:{row.port}" if ":" in row.address else f"{row.address}:{row.port}"


def _options(service: ServiceRow) -> str:
    words = [service.scheduler]
    words += [f"({','.join(service.flags)})"] if service.flags else []
    words += ["" if service.persistence_s is None else f"persistent {service.persistence_s}"]
    words += [f"mask {service.mask}" if service.mask else ""]
    words += [f"pe {service.engine}" if service.engine else ""]
    words += ["ops" if service.one_packet else ""]
    return " ".join(word for word in words if word)


def _plain(server: ServerRow, form: Form) -> str:
    head, busy = f"  -> {place(server):<28}", f"{server.active:<10} {server.inactive:<10}"
    if form is Form.THRESHOLDS:
        return f"{head} {server.upper:<10} {server.lower:<10} {busy}"
    if form is Form.PERSISTENT:
        return f"{head} {server.weight:<9} {server.persistent:<11} {busy}"
    return f"{head} {_FORWARDING[server.forwarding]:<7} {server.weight:<6} {busy}"


def _figures(form: Form, *, exact: bool) -> Callable[[Traffic], str] | None:
    def stats(row: Traffic) -> str:
        return _numbers((row.connections, row.packets_in, row.packets_out, row.bytes_in, row.bytes_out), exact=exact)

    def rates(row: Traffic) -> str:
        numbers = (row.connection_rate, row.packet_in_rate, row.packet_out_rate, row.byte_in_rate, row.byte_out_rate)
        return _numbers(numbers, exact=exact)

    return {Form.STATS: stats, Form.RATE: rates}.get(form)


def _numbers(numbers: tuple[int, ...], *, exact: bool) -> str:
    return "".join(f" {number if exact else _short(number):>8}" for number in numbers)


def _short(number: int) -> str:
    for unit in ("", "K", "M", "G", "T"):
        if number < _EXACT // (10 if unit else 1):
            break
        number //= 1000
    return f"{number}{unit}"


def connections_text(table: TableReport) -> str:
    """Return the connections as `ipvsadm -Lnc` prints them."""
    lines = ["IPVS connection entries", "pro expire state       source             virtual            destination"]
    for one in table.connections:
        left = f"{one.expires_s // 60:02}:{one.expires_s % 60:02}"
        words = f"{one.protocol:<3} {left:<6} {one.state:<11} {one.client:<18} {one.virtual:<18} {one.server}"
        lines.append(words.rstrip())
    return "\n".join(lines) + "\n"
