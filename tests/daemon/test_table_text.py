"""The table as `ipvsadm -L` prints it; tests/kernel/test_ipvs.py compares it with ipvsadm itself."""

import pytest

from labkit.daemon import ipvsadm
from labkit.daemon.report import ServerRow, ServiceRow, TableReport
from labkit.daemon.table_text import Form, text

SERVER = ServerRow(address="10.0.0.50", port=80, forwarding="NAT", weight=5, upper=30, lower=10, persistent=2)


def service(address: str, **more: object) -> ServiceRow:
    return ServiceRow(
        protocol="TCP", address=address, port=80, fwmark=0, family=4, scheduler="rr", servers=(SERVER,), **more
    )  # type: ignore[arg-type]


TABLE = TableReport(by="nftables", services=(service("192.168.1.60"), service("192.168.1.61", listed=False)))


def test_thresholds_and_persistent_clients_have_forms_of_their_own() -> None:
    assert text(TABLE, Form.THRESHOLDS).splitlines()[1:] == [
        "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn ",
        "  -> RemoteAddress:Port",
        "TCP  192.168.1.60:80 rr",
        "  -> 10.0.0.50:80                 30         10         0          0         ",
    ]
    assert text(TABLE, Form.PERSISTENT).splitlines()[1:] == [
        "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn ",
        "  -> RemoteAddress:Port",
        "TCP  192.168.1.60:80 rr",
        "  -> 10.0.0.50:80                 5         2           0          0         ",
    ]


def test_one_service_stands_without_the_title() -> None:
    assert text(TABLE, only="TCP  192.168.1.60:80").splitlines()[0] == "Prot LocalAddress:Port Scheduler Flags"
    assert text(TABLE, only="TCP  192.168.1.61:80") == ""  # it is not in the kernel


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param("-Ln --bogus", "ipvsadm: --bogus: unknown option (ipvsadm -h)\n", id="unknown"),
        pytest.param("-Q", "ipvsadm: -Q: unknown option (ipvsadm -h)\n", id="unknown-letter"),
        pytest.param("-A -t 192.168.1.20:80 -s rr", "`-A`: this director balances by nftables", id="adds"),
        pytest.param("-L --tun-type=gue", "`--tun-type=gue`: this director balances by nftables", id="with-a-value"),
        pytest.param("--timeout", "--timeout: nftables balance here", id="timeouts"),
    ],
)
def test_what_ipvsadm_of_a_director_cannot_do(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ipvsadm.run(words.split()) == 2
    assert said in capsys.readouterr().err
