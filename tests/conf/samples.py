"""Small files that load without a word, for tests to spoil; and what labkit says of a text."""

from labkit.conf.loader import loads

INSTANCE = """\
vrrp_instance A {
    state BACKUP
    interface eth0
    virtual_router_id 21
    priority 150
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass secret
    }
    virtual_ipaddress {
        192.168.1.20
    }
}
"""
SECOND = """\
vrrp_instance B {
    interface eth0
    virtual_router_id 22
    virtual_ipaddress { 192.168.1.30 }
}
"""
SCRIPT = """\
vrrp_script chk {
    script "killall -0 apache2"
    interval 2
}
"""
SERVER = """\
virtual_server 192.168.1.20 80 {
    delay_loop 10
    protocol TCP
    lb_algo rr
    lb_kind NAT
    real_server 10.0.0.50 80 {
        weight 1
        TCP_CHECK {
            connect_timeout 5
        }
    }
    real_server 10.0.0.51 80 {
        weight 1
    }
}
"""
UNCLOSED = "is never closed; add the `}` that is missing"
EXTRA = "this `}` closes nothing; remove it, or add the `{` that it should close"
ADDRESS = "write an IPv4 or IPv6 address, and a prefix length after a `/`"


def said(text: str) -> list[str]:
    return [
        str(diagnostic).removeprefix("k.conf:")
        for diagnostic in loads(text, file="k.conf", config_id="here", environment={}).diagnostics
    ]
