"""Adverts that are not true: of a router that is none, or in another's name.

The forger knows what is on the wire, a plain password too; keys it does not know.
"""

import asyncio
import contextlib
import socket
from dataclasses import replace
from ipaddress import IPv4Address

from labkit.diagnostics import LabkitError
from labkit.lab.actions import Action, duration
from labkit.lab.hands import Hands, Undo
from labkit.trace import Micros
from labkit.vrrp.actions import SendAdvert
from labkit.vrrp.config import RouterConfig
from labkit.vrrp.packet import Advert
from labkit.vrrp.sending import destinations, packet4

_HIGHEST = 255


def forge(hands: Hands, action: Action) -> Undo:
    """Send adverts from a node until undone: of its own router or another's, with priority 255 unless said otherwise.

    Raises:
        LabkitError: no router of the node's network could be imitated.
    """
    link = hands.topology.node(action.node).links[0]
    imitated = _imitated(hands, link.network)
    config = replace(
        imitated,
        priority=int(action.word("priority") or _HIGHEST),
        vrid=int(action.word("vrid") or imitated.vrid),
        ah=None,
        hmac=None,
    )
    source = IPv4Address(action.word("source") or link.address.ip)
    every = duration((), action.word("every")) if action.word("every") else config.advert_interval
    opened = hands.provider.socket(action.node, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, link.address.ip.packed)
    forger = _Forger(opened, config, source, every)
    forger.send()

    async def undo() -> None:
        forger.stop()

    return undo


def _imitated(hands: Hands, network: str) -> RouterConfig:
    for node in hands.topology.routers:
        interfaces = {link.interface for link in node.links if link.network == network}
        for instance in hands.configs[node.name].instances if node.name in hands.configs else ():
            if instance.router.interface in interfaces and instance.router.family == 4:
                return instance.router
    raise LabkitError(f"no router has a vrrp_instance on network {network} that could be imitated")


class _Forger:
    """Sends one advert again and again."""

    def __init__(self, opened: socket.socket, config: RouterConfig, source: IPv4Address, every: Micros) -> None:
        self.socket = opened
        self.every_s = every / 1e6
        self.loop = asyncio.get_running_loop()
        advert = Advert(
            version=config.version,
            vrid=config.vrid,
            priority=config.priority,
            interval=config.advert_interval,
            addresses=config.addresses,
            auth=config.auth,
            as_v2=config.checksum_as_v2,
        )
        sent = SendAdvert(router=config.name, advert=advert, source=source)
        self.packets = [
            (packet4(config, sent, source, to, 0), str(to))
            for to in destinations(config)
            if isinstance(to, IPv4Address)
        ]

    def send(self) -> None:
        for packet, destination in self.packets:
            with contextlib.suppress(OSError):  # the link may be down: that is another fault's work
                self.socket.sendto(packet, (destination, 0))
        self.timer = self.loop.call_later(self.every_s, self.send)

    def stop(self) -> None:
        self.timer.cancel()
        self.socket.close()
