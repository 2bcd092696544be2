"""What the command line says that the parent and its children go by."""

from pathlib import Path

from labkit.daemon.places import Places
from labkit.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one daemon; they stay as they are until it ends.

    With `keep_addresses` stopping leaves the addresses where they are and tells no peer, with `keep_services` the
    virtual services stay; with `addresses_logged` every
    address that comes or goes is; without `respawn` the end of a child is the end of the daemon.  `config_id` and
    `all_files` are what the configuration is read with; `vrrp` and `checkers` say what may run at all.
    """

    file: Path
    places: Places
    config_id: str | None = None
    all_files: bool = False
    trace: str | None = None
    vrrp: bool = True
    checkers: bool = True
    keep_addresses: bool = False
    keep_services: bool = False
    addresses_logged: bool = False
    respawn: bool = True
    ignore_sigint: bool = False
    dump_config: bool = False
