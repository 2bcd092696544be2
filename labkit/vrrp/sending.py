"""From the adverts that the core sends to bytes: where they go, and what is on the wire.

    IPv4:  45 c0 len16 | id16 0000 | ttl 70 0000 | source | destination | [authentication header] | message [trailer]
    IPv6:  message [trailer]; the header is the kernel's, with the source, destination and hop limit that it is given

keepalived: TOS 0xC0, no DF, and an identification that counts adverts from 1.  The kernel fills in the IPv4 header
checksum (raw(7)).
"""

import struct
from ipaddress import IPv4Address

from labkit.values import replace
from labkit.vrrp.authentication import header, sealed, trailer
from labkit.vrrp.config import Address, RouterConfig
from labkit.vrrp.events import SendAdvert
from labkit.vrrp.packet import AH_PROTOCOL, PROTOCOL, encode, group

TOS = 0xC0
"""CS6, internetwork control."""

_IP = struct.Struct("!BBHHHBBH4s4s")


def destinations(config: RouterConfig) -> tuple[Address, ...]:
    """Return where each advert of a router goes: to its peers, or to its group."""
    if config.is_unicast:
        return tuple(peer.address for peer in config.peers)
    return (config.destination or group(config.family),)


def message(config: RouterConfig, action: SendAdvert, source: Address, destination: Address) -> bytes:
    """Return the VRRP message for one destination, with its trailer where the router signs; the payload over IPv6."""
    advert, keys = action.advert, config.hmac
    if keys is None or not action.sequence:
        return encode(advert, source, destination)
    unsigned = encode(advert, source, destination)
    key = keys.keys[keys.active]
    end = trailer(unsigned, source, key_id=keys.active, key=key, sequence=action.sequence)
    return encode(replace(advert, trailer=end), source, destination)


def packet4(
    config: RouterConfig, action: SendAdvert, source: IPv4Address, destination: IPv4Address, identification: int
) -> bytes:
    """Return the whole IPv4 packet for one destination; an `identification` of 0 would make the kernel choose one."""
    payload = message(config, action, source, destination)
    if config.ah is not None:
        payload = header(source, action.sequence) + payload
    protocol = PROTOCOL if config.ah is None else AH_PROTOCOL
    length = _IP.size + len(payload)
    fields = (0x45, TOS, length, identification, 0, config.ttl, protocol, 0, source.packed, destination.packed)
    packet = _IP.pack(*fields) + payload
    return packet if config.ah is None else sealed(packet, config.ah, unicast=config.is_unicast)
