"""Pieces of keepalived.conf for situations."""

from collections.abc import Iterable

FAST = "version 3\n advert_int 0.1"
SLOW = "advert_int 1"
PASSWORD = "authentication {\n  auth_type PASS\n  auth_pass %s\n }"
VIP = "192.168.1.20"
VIP6 = "fe80::20"


def block(head: str, lines: Iterable[str]) -> str:
    """Return a block; each line is a statement or a block of its own."""
    inner = "".join(f" {line}\n" for line in lines)
    return f"{head} {{\n{inner}}}\n"


def vi(
    priority: int,
    *lines: str,
    name: str = "VI",
    interface: str = "eth0",
    vrid: int = 21,
    timing: str = FAST,
    state: str = "BACKUP",
    vips: Iterable[str] = (VIP,),
) -> str:
    """Return a vrrp_instance with more `lines` of its own."""
    head = (f"state {state}", f"interface {interface}", f"virtual_router_id {vrid}", f"priority {priority}", timing)
    if not any(line.startswith("garp_master_delay") for line in lines):
        lines = ("garp_master_delay 60", *lines)  # the second round is not for a test that may take five seconds
    return block(f"vrrp_instance {name}", (*head, block("virtual_ipaddress", vips), *lines))


def pair(priority: int, *lines: str, of_group: Iterable[str] = ()) -> str:
    """Return two instances on two interfaces, A and B, in one sync group; `lines` are A's, `of_group` the group's."""
    group = block("vrrp_sync_group G", (block("group", ("A", "B")), *of_group))
    first = vi(priority, *lines, name="A")
    return first + vi(priority, name="B", interface="eth1", vrid=22, vips=("192.168.2.20",)) + group


def global_defs(*lines: str) -> str:
    return block("global_defs", lines)


def script(name: str = "check", *lines: str, flag: str = "ok") -> str:
    """Return a check that succeeds while the file `flag` is in the daemon's home; C's shortest interval is 1 s."""
    return block(f"vrrp_script {name}", (f'script "/usr/bin/test -e %HOME%/{flag}"', "interval 1", *lines))


def tracking(what: str = "script", *entries: str) -> str:
    return block(f"track_{what}", entries or ("check",))
