"""Parts of a configuration in the words of keepalived's dumps."""

from labkit.conf.model import Command, VirtualAddress


def argv(command: Command) -> str:
    """Return a command with each of its words quoted."""
    return " ".join(f"'{word}'" for word in command.argv)


def address_words(virtual: VirtualAddress, *, base: str = "", held: bool = False) -> str:
    """Return a virtual address with its options; `base` is what a VMAC that has it lies on."""
    address = virtual.address
    whole = address.network.prefixlen == address.max_prefixlen
    words = [str(address.ip if whole else address)]
    words += [f"peer {virtual.peer}"] if virtual.peer else []
    words += [f"brd {virtual.broadcast}"] if virtual.broadcast else []
    words += [f"dev {virtual.device}@{base}" if base else f"dev {virtual.device}"]
    words += [f"scope {virtual.scope or 'global'}"]
    words += [f"label {virtual.label}"] if virtual.label else []
    if address.version == 6:
        words += ["deprecated" if virtual.preferred_lft == 0 else f"preferred_lft {virtual.preferred_lft or 'forever'}"]
    flags = {
        "home": virtual.home,
        "-nodad": virtual.detect_duplicates,
        "mngtmpaddr": virtual.manage_temporary,
        "noprefixroute": virtual.no_prefix_route,
        "autojoin": virtual.auto_join,
        "no_track": not virtual.tracked,
        "set": held,
    }
    return " ".join([*words, *(word for word, present in flags.items() if present)])
