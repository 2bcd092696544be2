"""What this machine can do for labkit, and what to install for the rest."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from labkit.lab.daemons import present

_NEEDED_KERNEL = (5, 12)  # mount_setattr(2); setns(2) with a pidfd came in 5.8

_TOOLS = {  # program: (Debian package, what it is for)
    "ip": ("iproute2", "looking at interfaces in a node"),
    "ping": ("iputils-ping", "the guide's ping"),
    "arp": ("net-tools", "the guide's arp"),
    "tcpdump": ("tcpdump", "the guide's tcpdump"),
    "killall": ("psmisc", "check scripts such as `killall -0 apache2`"),
    "logger": ("bsdutils", "the guide's notify script"),
    "keepalived": ("keepalived", "running C keepalived in a node: --daemon server2=keepalived"),
    "vrrpd": ("frr", "running FRR in a node: --daemon server2=frr"),
    "apache2": ("apache2-bin", "the real web server: --set web=apache2"),
    "nginx": ("nginx-light", "the real web server: --set web=nginx"),
    "tshark": ("tshark", "tests that compare packets"),
}
_PLACES = {"uml": "a guest kernel with IPVS, whatever this one has", "docker": "containers as nodes"}  # by provider
_KERNEL = {  # capability: (needed for the failover lab, what it is for)
    "bridge": (True, "networks"),
    "veth": (True, "cables"),
    "macvlan": (False, "use_vmac"),
    "dummy": (False, "spare interfaces"),
    "netem": (False, "loss and delay on links"),
    "ipvs": (False, "load balancing as in the guides; without it by nftables"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at; `cure` says how to get it where it is missing."""

    name: str
    ok: bool
    needed: bool
    purpose: str
    cure: str = ""


def examine(namespaces: list[str], kernel: Mapping[str, str], places: Mapping[str, list[str]]) -> list[Check]:
    """Return every check.

    `namespaces` is what the default provider misses, `places` what others do, and `kernel` what `capabilities.probe`
    found.
    """
    release = tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
    wanted = ".".join(map(str, _NEEDED_KERNEL))
    checks = [
        Check(
            name=f"Python {sys.version_info[0]}.{sys.version_info[1]}",
            ok=sys.version_info >= (3, 11),
            needed=True,
            purpose="labkit itself",
            cure="Python 3.11 or newer",
        ),
        Check(
            name=f"Linux {os.uname().release}",
            ok=release >= _NEEDED_KERNEL,
            needed=True,
            purpose="private folders in nodes",
            cure=f"Linux {wanted} or newer",
        ),
        Check(
            name="namespaces" if os.geteuid() == 0 else "user namespaces",
            ok=not namespaces,
            needed=True,
            purpose="nodes",
            cure="; ".join(namespaces),
        ),
    ]
    for name, (needed, purpose) in _KERNEL.items():
        if name in kernel:
            said = f"this kernel lacks it ({kernel[name]})" if kernel[name] else ""
            checks.append(Check(name=name, ok=not kernel[name], needed=needed, purpose=purpose, cure=said))
    for place, missing in places.items():
        name, cure = f"--provider {place}", "; ".join(missing)
        checks.append(Check(name=name, ok=not missing, needed=False, purpose=_PLACES[place], cure=cure))
    for program, (package, purpose) in _TOOLS.items():
        cure = f"sudo apt-get install {package}"
        checks.append(Check(name=program, ok=present(program), needed=False, purpose=purpose, cure=cure))
    return checks
