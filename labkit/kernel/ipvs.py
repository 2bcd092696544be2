"""The IPVS data plane: virtual services and real servers in the kernel, by generic netlink (linux/ip_vs.h).

A request is `nlmsghdr | genlmsghdr(command, version 1) | attributes`; the attributes of a service, a real server, a
synchronisation daemon are nested in one of their own.  Addresses take 16 bytes whatever their family, ports are in
network order, everything else in the host's.
"""

import errno
import socket
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from labkit.diagnostics import LabkitError
from labkit.hints import IO
from labkit.kernel.netlink import KernelRefusedError, Netlink, attribute, attributes, message, number, text
from labkit.lvs.model import (
    Address,
    Change,
    Connection,
    Destination,
    DestinationReading,
    Endpoint,
    Forwarding,
    Protocol,
    Scheduler,
    Service,
    ServiceKey,
    ServiceReading,
    ServiceState,
    SyncDaemon,
    SyncRole,
    Timeouts,
    Tunnel,
    TunnelChecksum,
    TunnelKind,
)
from labkit.lvs.traffic import Traffic
from labkit.values import fields

_NEW_SERVICE, _SET_SERVICE, _DEL_SERVICE, _GET_SERVICE = 1, 2, 3, 4
_NEW_DEST, _SET_DEST, _DEL_DEST, _GET_DEST = 5, 6, 7, 8
_NEW_DAEMON, _DEL_DAEMON, _GET_DAEMON = 9, 10, 11
_SET_CONFIG, _GET_CONFIG, _GET_INFO, _ZERO, _FLUSH = 12, 13, 15, 16, 17

_SERVICE, _DEST, _DAEMON, _TIMEOUT_TCP, _TIMEOUT_TCP_FIN, _TIMEOUT_UDP = 1, 2, 3, 4, 5, 6
_SVC_FAMILY, _SVC_PROTOCOL, _SVC_ADDRESS, _SVC_PORT, _SVC_FWMARK, _SVC_SCHEDULER = 1, 2, 3, 4, 5, 6
_SVC_FLAGS, _SVC_TIMEOUT, _SVC_NETMASK, _SVC_ENGINE, _SVC_STATS64 = 7, 8, 9, 11, 12
_DEST_ADDRESS, _DEST_PORT, _DEST_METHOD, _DEST_WEIGHT, _DEST_UPPER, _DEST_LOWER = 1, 2, 3, 4, 5, 6
_DEST_ACTIVE, _DEST_INACTIVE, _DEST_PERSISTENT, _DEST_FAMILY, _DEST_STATS64 = 7, 8, 9, 11, 12
_DEST_TUN_TYPE, _DEST_TUN_PORT, _DEST_TUN_FLAGS = 13, 14, 15
_SYNC_STATE, _SYNC_INTERFACE, _SYNC_ID, _SYNC_LENGTH, _SYNC_GROUP, _SYNC_GROUP6, _SYNC_PORT, _SYNC_TTL = range(1, 9)

_TRAFFIC = tuple(field.name for field in fields(Traffic))  # in the order of IPVS_STATS_ATTR_*

_PERSISTENT, _HASHED, _ONE_PACKET, _FLAG_1, _FLAG_2, _FLAG_3 = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20
_ALL_FLAGS = 0xFFFFFFFF
_METHODS = {Forwarding.NAT: 0, Forwarding.TUN: 2, Forwarding.DR: 3}
_METHOD_OF = {**{code: method for method, code in _METHODS.items()}, 1: Forwarding.DR}  # 1: a server that is local
_TUNNELS = {TunnelKind.IPIP: 0, TunnelKind.GUE: 1, TunnelKind.GRE: 2}
_TUNNEL_OF = {code: kind for kind, code in _TUNNELS.items()}
_CHECKSUMS = {TunnelChecksum.NONE: 0, TunnelChecksum.CSUM: 1, TunnelChecksum.REMOTE: 2}
_CHECKSUM_OF = {code: checksum for checksum, code in _CHECKSUMS.items()}
_METHOD_MASK = 0x7
_CONNECTIONS = Path("/proc/thread-self/net/ip_vs_conn")
_LONG_S = 3600.0
_NETLINK_GENERIC, _GENL_CONTROL, _GETFAMILY, _FAMILY_ID, _FAMILY_NAME = 16, 16, 3, 1, 2


class NoIpvsError(LabkitError):
    """This kernel has no IPVS, or this user may not use it."""


def _family(version: int) -> int:
    return socket.AF_INET if version == 4 else socket.AF_INET6


def _packed(address: Address) -> bytes:
    return address.packed.ljust(16, b"\0")


def _u16(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=H", value))


def _port(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("!H", value))


# --- requests ---------------------------------------------------------------------------------------------------------


def _key(key: ServiceKey) -> bytes:
    """Return what the kernel finds a service by."""
    body = _u16(_SVC_FAMILY, _family(key.family))
    if key.address is None or key.protocol is None:
        return body + number(_SVC_FWMARK, key.fwmark)
    return (
        body
        + _u16(_SVC_PROTOCOL, key.protocol)
        + attribute(_SVC_ADDRESS, _packed(key.address))
        + _port(_SVC_PORT, key.port)
    )


def _flags(service: Service) -> int:
    chosen = (
        (_PERSISTENT, service.persistence_s is not None),
        (_HASHED, service.hashed),
        (_ONE_PACKET, service.one_packet),
        (_FLAG_1, service.fallback),
        (_FLAG_2, service.with_port),
        (_FLAG_3, service.flag_3),
    )
    return sum(flag for flag, wanted in chosen if wanted)


def _service(service: Service) -> bytes:
    version = service.key.family
    prefix = service.persistence_prefix
    if version == 4:
        netmask = struct.pack("!I", 0xFFFFFFFF << (32 - (32 if prefix is None else prefix)) & 0xFFFFFFFF)
    else:  # the kernel wants a prefix length here, or refuses the service
        netmask = struct.pack("=I", 128 if prefix is None else prefix)
    body = _key(service.key) + text(_SVC_SCHEDULER, service.scheduler)
    body += attribute(_SVC_FLAGS, struct.pack("=II", _flags(service), _ALL_FLAGS))
    body += number(_SVC_TIMEOUT, service.persistence_s or 0) + attribute(_SVC_NETMASK, netmask)
    return body + (text(_SVC_ENGINE, service.persistence_engine) if service.persistence_engine else b"")


def _destination(destination: Destination) -> bytes:
    tunnel = destination.tunnel
    return (
        attribute(_DEST_ADDRESS, _packed(destination.address))
        + _port(_DEST_PORT, destination.port)
        + _u16(_DEST_FAMILY, _family(destination.address.version))
        + number(_DEST_METHOD, _METHODS[destination.forwarding])
        + number(_DEST_WEIGHT, destination.weight)
        + number(_DEST_UPPER, destination.upper)
        + number(_DEST_LOWER, destination.lower)
        + attribute(_DEST_TUN_TYPE, bytes([_TUNNELS[tunnel.kind]]))
        + _port(_DEST_TUN_PORT, tunnel.port)
        + _u16(_DEST_TUN_FLAGS, _CHECKSUMS[tunnel.checksum])
    )


def _sync_daemon(daemon: SyncDaemon) -> bytes:
    body = number(_SYNC_STATE, daemon.role) + text(_SYNC_INTERFACE, daemon.interface)
    body += number(_SYNC_ID, daemon.sync_id)
    if daemon.max_length is not None:
        body += _u16(_SYNC_LENGTH, daemon.max_length)
    if daemon.group is not None:
        body += attribute(_SYNC_GROUP if daemon.group.version == 4 else _SYNC_GROUP6, daemon.group.packed)
    if daemon.port is not None:
        body += _u16(_SYNC_PORT, daemon.port)
    if daemon.ttl is not None:
        body += attribute(_SYNC_TTL, bytes([daemon.ttl]))
    return body


# --- answers ----------------------------------------------------------------------------------------------------------


def _unsigned(raw: bytes | None) -> int:
    return int.from_bytes(raw, sys.byteorder) if raw else 0


def _network(raw: bytes | None) -> int:
    return int.from_bytes(raw, "big") if raw else 0


def _address(raw: bytes, family: int) -> Address:
    return IPv4Address(raw[:4]) if family == socket.AF_INET else IPv6Address(raw[:16])


def _traffic(raw: bytes | None) -> Traffic:
    found = attributes(raw or b"")
    return Traffic(**{name: _unsigned(found.get(kind)) for kind, name in enumerate(_TRAFFIC, 1)})


def _read_service(raw: bytes) -> tuple[Service, Traffic]:
    found = attributes(raw)
    family = _unsigned(found[_SVC_FAMILY])
    version = 4 if family == socket.AF_INET else 6
    if _SVC_FWMARK in found:
        key = ServiceKey(fwmark=_unsigned(found[_SVC_FWMARK]), family=version)
    else:
        key = ServiceKey(
            protocol=Protocol(_unsigned(found[_SVC_PROTOCOL])),
            address=_address(found[_SVC_ADDRESS], family),
            port=_network(found[_SVC_PORT]),
            family=version,
        )
    flags = _unsigned(found[_SVC_FLAGS][:4])
    netmask = found[_SVC_NETMASK]
    prefix = _network(netmask).bit_count() if version == 4 else _unsigned(netmask)
    service = Service(
        key=key,
        scheduler=Scheduler(found[_SVC_SCHEDULER].rstrip(b"\0").decode()),
        persistence_s=_unsigned(found[_SVC_TIMEOUT]) if flags & _PERSISTENT else None,
        persistence_prefix=None if prefix == (32 if version == 4 else 128) else prefix,
        persistence_engine=found[_SVC_ENGINE].rstrip(b"\0").decode() if _SVC_ENGINE in found else None,
        one_packet=bool(flags & _ONE_PACKET),
        fallback=bool(flags & _FLAG_1),
        with_port=bool(flags & _FLAG_2),
        flag_3=bool(flags & _FLAG_3),
    )  # `hashed` says only that the kernel has it in its table
    return service, _traffic(found.get(_SVC_STATS64))


def _read_destination(raw: bytes, service_version: int) -> DestinationReading:
    found = attributes(raw)
    family = _unsigned(found.get(_DEST_FAMILY)) or _family(service_version)
    tunnel = Tunnel(
        kind=_TUNNEL_OF[_unsigned(found.get(_DEST_TUN_TYPE))],
        port=_network(found.get(_DEST_TUN_PORT)),
        checksum=_CHECKSUM_OF.get(_unsigned(found.get(_DEST_TUN_FLAGS)) & 3, TunnelChecksum.NONE),
    )
    destination = Destination(
        address=_address(found[_DEST_ADDRESS], family),
        port=_network(found[_DEST_PORT]),
        forwarding=_METHOD_OF[_unsigned(found[_DEST_METHOD]) & _METHOD_MASK],
        weight=_unsigned(found[_DEST_WEIGHT]),
        upper=_unsigned(found.get(_DEST_UPPER)),
        lower=_unsigned(found.get(_DEST_LOWER)),
        tunnel=tunnel,
    )
    return DestinationReading(
        destination=destination,
        active=_unsigned(found.get(_DEST_ACTIVE)),
        inactive=_unsigned(found.get(_DEST_INACTIVE)),
        persistent=_unsigned(found.get(_DEST_PERSISTENT)),
        traffic=_traffic(found.get(_DEST_STATS64)),
    )


def _connection(line: str) -> Connection:
    """Return what a line of /proc/net/ip_vs_conn tells."""
    protocol, *ends, state, expires = line.split()[:9]
    client, virtual, server = (
        Endpoint(address=_written(address), port=int(port, 16))
        for address, port in zip(ends[::2], ends[1::2], strict=True)
    )
    return Connection(
        protocol=None if protocol == "IP" else Protocol[protocol],
        expires_s=int(expires),
        state=state,
        client=client,
        virtual=virtual,
        server=server,
    )


def _written(address: str) -> Address:
    return ip_address(address.strip("[]")) if ":" in address else IPv4Address(int(address, 16))


def _modules(services: Iterable[Service]) -> str:
    """Say what a kernel lacks that knows nothing (ENOENT) of the scheduler or the persistence engine of a service."""
    lacking = {f"`lb_algo {one.scheduler}`, the module ip_vs_{one.scheduler}" for one in services}
    engines = {one.persistence_engine for one in services if one.persistence_engine}
    lacking |= {f"`persistence_engine {engine}`, the module ip_vs_pe_{engine}" for engine in engines}
    return f"it has no {' or no '.join(sorted(lacking))}"


# --- the data plane ---------------------------------------------------------------------------------------------------


class Ipvs:
    """IPVS of the network namespace in which this object is made."""

    def __init__(self) -> None:
        """Find IPVS.

        Raises:
            NoIpvsError: the kernel has none.
        """
        self._netlink = Netlink(protocol=_NETLINK_GENERIC)
        try:
            body = struct.pack("=BBH", _GETFAMILY, 1, 0) + text(_FAMILY_NAME, "IPVS")
            answer = self._netlink.get(_GENL_CONTROL, body)
            self._id = _unsigned(attributes(answer[4:])[_FAMILY_ID])
            self.connection_table_size = self._info()
            self._connections: IO[str] = _CONNECTIONS.open()  # stays that of this namespace
        except KernelRefusedError as error:
            self._netlink.close()
            cure = "load the module ip_vs" if error.code == errno.ENOENT else "run as root"
            raise NoIpvsError(f"no IPVS here ({error}); {cure}") from error

    def close(self) -> None:
        """Let go of the kernel; its table stays as it is."""
        self._connections.close()
        self._netlink.close()

    def _request(self, command: int, body: bytes = b"") -> bytes:
        return message(self._id, 0, struct.pack("=BBH", command, 1, 0) + body)

    def _dump(self, command: int, body: bytes = b"") -> Iterator[bytes]:
        for _, content in self._netlink.dump(self._id, struct.pack("=BBH", command, 1, 0) + body):
            yield content[4:]

    def _info(self) -> int:
        """Return the size of the connection table."""
        answer = self._netlink.get(self._id, struct.pack("=BBH", _GET_INFO, 1, 0))
        return _unsigned(attributes(answer[4:]).get(2))

    # --- services and real servers ------------------------------------------------------------------------------------

    def apply(self, changes: Iterable[Change]) -> None:
        """Bring services from what they were to what they are to be; what is equal in both is not touched.

        Raises:
            KernelRefusedError: the kernel does not take one, such as a scheduler that it does not have; the others,
                and the rest of that one, are carried out.
        """
        asked = list(changes)
        removals = [request for change in asked if change.new is None for request in self._requests(change)]
        requests = [request for change in asked if change.new is not None for request in self._requests(change)]
        self._netlink.ask(removals, allow=[errno.ESRCH])  # ESRCH: what is to go is gone already
        try:
            self._netlink.ask(requests)
        except KernelRefusedError as error:
            if error.code != errno.ENOENT or error.reason:
                raise
            services = [change.new.service for change in asked if change.new is not None]
            raise KernelRefusedError(error.code, _modules(services)) from error

    def _requests(self, change: Change) -> Iterator[bytes]:
        old, new = change.old, change.new
        if new is None:
            if old is not None:
                yield self._request(_DEL_SERVICE, attribute(_SERVICE, _key(old.service.key)))
            return
        if old is None or old.service != new.service:
            command = _NEW_SERVICE if old is None else _SET_SERVICE
            yield self._request(command, attribute(_SERVICE, _service(new.service)))
        yield from self._destination_requests(old, new)

    def _destination_requests(self, old: ServiceState | None, new: ServiceState) -> Iterator[bytes]:
        had = {destination.key: destination for destination in old.destinations} if old else {}
        wanted = {destination.key: destination for destination in new.destinations}
        key = attribute(_SERVICE, _key(new.service.key))
        for place, destination in wanted.items():
            if had.get(place) != destination:
                command = _SET_DEST if place in had else _NEW_DEST
                yield self._request(command, key + attribute(_DEST, _destination(destination)))
        for place, destination in had.items():
            if place not in wanted:
                yield self._request(_DEL_DEST, key + attribute(_DEST, _destination(destination)))

    def read(self) -> tuple[ServiceReading, ...]:
        """Return the whole table, in the kernel's order."""
        services = [_read_service(attributes(body)[_SERVICE]) for body in self._dump(_GET_SERVICE)]
        return tuple(
            ServiceReading(service=service, traffic=traffic, destinations=tuple(self._destinations(service.key)))
            for service, traffic in services
        )

    def _destinations(self, key: ServiceKey) -> Iterable[DestinationReading]:
        for body in self._dump(_GET_DEST, attribute(_SERVICE, _key(key))):
            yield _read_destination(attributes(body)[_DEST], key.family)

    def connections(self) -> tuple[Connection, ...]:
        """Return the connections, and the persistent clients, that the kernel remembers."""
        self._connections.seek(0)
        _, *lines = self._connections.read().splitlines()
        return tuple(_connection(line) for line in lines)

    def refusal(self, state: ServiceState) -> str:
        """Return an empty text: what IPVS cannot do, the kernel says."""
        return ""

    def tend(self) -> float:
        """Return for how many seconds the kernel does well on its own."""
        return _LONG_S

    def flush(self) -> None:
        """Empty the table."""
        self._netlink.ask([self._request(_FLUSH)])

    def zero(self) -> None:
        """Set all counters to zero."""
        self._netlink.ask([self._request(_ZERO)])

    # --- settings -----------------------------------------------------------------------------------------------------

    @property
    def timeouts(self) -> Timeouts:
        """How long connections are remembered."""
        answer = self._netlink.get(self._id, struct.pack("=BBH", _GET_CONFIG, 1, 0))
        found = attributes(answer[4:])
        tcp, fin, udp = (_unsigned(found.get(kind)) for kind in (_TIMEOUT_TCP, _TIMEOUT_TCP_FIN, _TIMEOUT_UDP))
        return Timeouts(tcp_s=tcp, tcp_fin_s=fin, udp_s=udp)

    def set_timeouts(self, timeouts: Timeouts) -> None:
        """Set how long connections are remembered."""
        body = number(_TIMEOUT_TCP, timeouts.tcp_s) + number(_TIMEOUT_TCP_FIN, timeouts.tcp_fin_s)
        self._netlink.ask([self._request(_SET_CONFIG, body + number(_TIMEOUT_UDP, timeouts.udp_s))])

    def start_sync(self, daemon: SyncDaemon) -> None:
        """Start a synchronisation daemon; one that has its role already is left to run."""
        self._netlink.ask([self._request(_NEW_DAEMON, attribute(_DAEMON, _sync_daemon(daemon)))], allow=[errno.EEXIST])

    def stop_sync(self, role: SyncRole) -> None:
        """Stop the synchronisation daemon of a role, if it runs."""
        body = attribute(_DAEMON, number(_SYNC_STATE, role))
        self._netlink.ask([self._request(_DEL_DAEMON, body)], allow=[errno.ESRCH])

    def sync_daemons(self) -> Mapping[SyncRole, SyncDaemon]:
        """Return the synchronisation daemons that run."""
        found = {}
        for body in self._dump(_GET_DAEMON):
            told = attributes(attributes(body)[_DAEMON])
            group = told.get(_SYNC_GROUP) or told.get(_SYNC_GROUP6)
            daemon = SyncDaemon(
                role=SyncRole(_unsigned(told[_SYNC_STATE])),
                interface=told[_SYNC_INTERFACE].rstrip(b"\0").decode(),
                sync_id=_unsigned(told[_SYNC_ID]),
                max_length=_unsigned(told.get(_SYNC_LENGTH)) or None,
                group=None
                if group is None
                else _address(group, socket.AF_INET if len(group) == 4 else socket.AF_INET6),
                port=_unsigned(told.get(_SYNC_PORT)) or None,
                ttl=_unsigned(told.get(_SYNC_TTL)) or None,
            )
            found[daemon.role] = daemon
        return found
