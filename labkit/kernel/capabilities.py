"""What this kernel can do, found out by trying it in the namespace of the caller; pyroute2 makes the requests."""

from collections.abc import Callable
from functools import partial

from pyroute2 import IPRoute
from pyroute2.netlink import genlmsg
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.generic import GenericNetlinkSocket

_LOOPBACK = 1


def probe() -> dict[str, str]:
    """Return, for each capability, an empty string where it works, else what the kernel said.

    Interfaces are made and left to the namespace, which is to be thrown away; `netem` is put on the loopback
    interface; `ipvs` is asked for by its generic-netlink family.
    """
    with IPRoute() as route:
        found = {kind: _try(partial(route.link, "add", ifname=kind, kind=kind)) for kind in ("bridge", "veth", "dummy")}
        parent = route.link_lookup(ifname="bridge")
        found["macvlan"] = _try(lambda: route.link("add", ifname="macvlan", kind="macvlan", link=parent[0]))
        found["netem"] = _try(lambda: route.tc("add", "netem", _LOOPBACK, "1:", delay=1000))
    with GenericNetlinkSocket() as generic:
        found["ipvs"] = _try(lambda: generic.bind("IPVS", genlmsg))
    return found


def _try(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except NetlinkError as error:
        return str(error.args[1] if len(error.args) > 1 else error)
    except (OSError, IndexError) as error:
        return str(error)
    return ""
