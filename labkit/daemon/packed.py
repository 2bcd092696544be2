"""A configuration as the parent keeps it: what it goes by itself, and in bytes what it hands on.

The parent has no use for a thousand instances but to give them to the VRRP process, and to tell of them when somebody
asks: as values they would be three megabytes of it for ever.
"""

import pickle

from labkit.conf.model import Config, GlobalDefs
from labkit.values import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A configuration of `instances` (their names) and so many virtual `services`; `static`: and of static things.

    `routing` is the part of the VRRP process, `balancing` that of the process of checks, both for `unpack`.
    """

    global_defs: GlobalDefs
    instances: tuple[str, ...]
    services: int
    static: bool
    routing: bytes
    balancing: bytes

    @property
    def does_something(self) -> bool:
        """Whether anything is configured."""
        return bool(self.instances or self.services or self.static)

    @property
    def balances(self) -> bool:
        """Whether there is something for the process of checks."""
        return self.services > 0 or self.global_defs.lvs_sync_daemon is not None


def pack(config: Config) -> Packed:
    """Return a configuration in its parts."""
    return Packed(
        global_defs=config.global_defs,
        instances=tuple(instance.router.name for instance in config.instances),
        services=len(config.virtual_servers),
        static=bool(config.static_addresses or config.static_routes or config.static_rules),
        routing=pickle.dumps(replace(config, virtual_servers=(), tls=None)),
        balancing=pickle.dumps(replace(config, scripts=(), instances=(), sync_groups=(), track_processes=())),
    )


def unpack(part: bytes) -> Config:
    """Return one of the parts as it was."""
    config: Config = pickle.loads(part)
    return config
