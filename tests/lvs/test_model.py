"""How what is balanced is written."""

from ipaddress import IPv4Address, IPv6Address

from labkit.lvs.model import Endpoint


def test_an_endpoint_is_written_as_ipvsadm_does() -> None:
    assert str(Endpoint(address=IPv4Address("192.168.1.200"), port=80)) == "192.168.1.200:80"
    assert str(Endpoint(address=IPv6Address("2001:db8::1"), port=80)) == "[2001:db8::1]:80"
