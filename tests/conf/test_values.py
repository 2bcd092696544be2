"""What each keyword becomes in the Config."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

import pytest

from labkit.conf.loader import loads
from labkit.conf.model import (
    Command,
    Config,
    GlobalDefs,
    SyncGroup,
    VirtualAddress,
    VrrpInstance,
)
from labkit.diagnostics import Span
from labkit.vrrp.config import RouterConfig, ScriptConfig, Track, TrackKind

SPAN = Span(file="k.conf", line=1, column=1)
ROUTER = RouterConfig(name="A", interface="eth0", vrid=7, addresses=(IPv4Address("192.0.2.1"),))
ADDRESS = VirtualAddress(address=IPv4Interface("192.0.2.1/32"), device="eth0")


def config_of(text: str) -> Config:
    loaded = loads(text, file="k.conf")
    assert loaded.diagnostics == ()
    assert loaded.config is not None
    return loaded.config


def instance_of(lines: str, before: str = "") -> VrrpInstance:
    text = f"{before}\nvrrp_instance A {{\ninterface eth0\nvirtual_router_id 7\n{lines}\n"
    if "virtual_ipaddress {" not in lines:
        text += "virtual_ipaddress { 192.0.2.1 }\n"
    (instance,) = config_of(text + "}\n").instances
    return instance


def test_a_file_with_nothing_said_has_the_defaults() -> None:
    config = config_of("vrrp_instance A {\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress { 192.0.2.1 }\n}")
    assert config == Config(file="k.conf", instances=(VrrpInstance(router=ROUTER, addresses=(ADDRESS,), span=SPAN),))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("priority 254", replace(ROUTER, priority=254), id="priority"),
        pytest.param("advert_int 255", replace(ROUTER, advert_interval=255_000_000), id="advert_int"),
        pytest.param("version 2\naccept", ROUTER, id="version-2"),
        pytest.param("version 3\nadvert_int 0.01", replace(ROUTER, version=3, advert_interval=10_000), id="version-3"),
        pytest.param(
            "version 3\nadvert_int 40.95",
            replace(ROUTER, version=3, advert_interval=40_950_000),
            id="version-3-longest",
        ),
        pytest.param("nopreempt", replace(ROUTER, preempt=False), id="nopreempt"),
        pytest.param("preempt_delay 2.5", replace(ROUTER, preempt_delay=2_500_000), id="preempt_delay"),
        pytest.param(
            "garp_master_delay 0", replace(ROUTER, announce_delay=0, lower_prio_delay=5_000_000), id="garp_master_delay"
        ),
        pytest.param(
            "garp_master_repeat 3", replace(ROUTER, announce_repeat=3, lower_prio_repeat=5), id="garp_master_repeat"
        ),
        pytest.param(
            "authentication {\nauth_pass a{b\nauth_type PASS\n}".replace("a{b", '"a{b"'),
            replace(ROUTER, auth=b"a{b"),
            id="auth",
        ),
        pytest.param(
            "track_interface {\neth1\neth2 weight -5\n}",
            replace(
                ROUTER,
                tracks=(
                    Track(kind=TrackKind.INTERFACE, name="eth1"),
                    Track(kind=TrackKind.INTERFACE, name="eth2", weight=-5),
                ),
            ),
            id="track_interface",
        ),
    ],
)
def test_an_instances_router(lines: str, expected: RouterConfig) -> None:
    assert instance_of(lines).router == expected


def test_global_defaults_reach_the_instances_that_name_none() -> None:
    before = "global_defs {\nvrrp_version 3\nvrrp_garp_master_delay 1\nvrrp_garp_master_repeat 2\n}"
    assert instance_of("", before).router == replace(ROUTER, version=3, announce_delay=1_000_000, announce_repeat=2)
    named = "version 2\ngarp_master_delay 3\ngarp_master_repeat 4"
    router = instance_of(named, before).router
    assert router == replace(
        ROUTER, announce_delay=3_000_000, announce_repeat=4, lower_prio_delay=1_000_000, lower_prio_repeat=2
    )


def test_the_weight_of_a_script_counts_where_the_instance_names_none() -> None:
    before = "vrrp_script a {\nscript /a\nweight -40\n}\nvrrp_script b {\nscript /b\nweight 2\n}\n"
    assert instance_of("track_script {\na\nb weight 0\n}", before).router.tracks == (
        Track(kind=TrackKind.SCRIPT, name="a", weight=-40),
        Track(kind=TrackKind.SCRIPT, name="b", weight=0),
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("192.0.2.1/24", {"address": IPv4Interface("192.0.2.1/24")}, id="prefix"),
        pytest.param("192.0.2.1 dev eth1", {"device": "eth1"}, id="dev"),
        pytest.param("192.0.2.1 label eth0:1", {"label": "eth0:1"}, id="label"),
        pytest.param("192.0.2.1 scope link", {"scope": "link"}, id="scope"),
        pytest.param("192.0.2.1 scope 200", {"scope": "200"}, id="scope-number"),
        pytest.param("192.0.2.1 brd 192.0.2.9", {"broadcast": IPv4Address("192.0.2.9")}, id="brd"),
        pytest.param(
            "192.0.2.1/24 broadcast +",
            {"address": IPv4Interface("192.0.2.1/24"), "broadcast": IPv4Address("192.0.2.255")},
            id="brd-plus",
        ),
        pytest.param(
            "192.0.2.1/24 brd - label x",
            {"address": IPv4Interface("192.0.2.1/24"), "broadcast": IPv4Address("192.0.2.0"), "label": "x"},
            id="brd-minus",
        ),
    ],
)
def test_an_address_line(line: str, expected: dict[str, object]) -> None:
    (address,) = instance_of(f"virtual_ipaddress {{ {line} }}").addresses
    assert address == replace(ADDRESS, **expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("before", ["", "global_defs { vrrp_version 2 }"])
def test_ipv6_addresses_make_a_router_of_version_3(before: str) -> None:
    lines = "virtual_ipaddress {\nfe80::1/64\n2001:db8::1\n}\nvirtual_ipaddress_excluded {\n192.0.2.9\n}"
    instance = instance_of(lines, before)
    addresses = (IPv6Address("fe80::1"), IPv6Address("2001:db8::1"))
    assert instance.router == replace(ROUTER, family=6, version=3, addresses=addresses)
    assert [address.address for address in instance.addresses] == [
        IPv6Interface("fe80::1/64"),
        IPv6Interface("2001:db8::1/128"),
        IPv4Interface("192.0.2.9/32"),
    ]


def test_excluded_addresses_are_held_but_not_advertised() -> None:
    instance = instance_of("virtual_ipaddress_excluded {\n192.0.2.2\n}\nvirtual_ipaddress {\n192.0.2.1\n}")
    assert instance.router.addresses == (IPv4Address("192.0.2.1"),)
    assert [str(address.address.ip) for address in instance.addresses] == ["192.0.2.1", "192.0.2.2"]


def test_whom_an_instance_and_a_group_tell() -> None:
    lines = "\n".join(
        ["notify /n", 'notify_master "/m 1"', "notify_backup /b", "notify_fault /f", "notify_stop /s", "smtp_alert"]
    )
    commands = {
        "notify": Command(argv=("/n",), text="/n"),
        "notify_master": Command(argv=("/m", "1"), text="/m 1"),
        "notify_backup": Command(argv=("/b",), text="/b"),
        "notify_fault": Command(argv=("/f",), text="/f"),
        "notify_stop": Command(argv=("/s",), text="/s"),
    }
    instance = instance_of(lines)
    assert instance == VrrpInstance(router=ROUTER, addresses=(ADDRESS,), smtp_alert=True, span=SPAN, **commands)
    two = "\n".join(
        f"vrrp_instance {name} {{\ninterface eth{name}\nvirtual_router_id 7\nvirtual_ipaddress {{ 192.0.2.{name} }}\n}}"
        for name in (1, 2)
    )
    config = config_of(f"vrrp_sync_group G {{\ngroup {{\n1\n2\n}}\n{lines}\n}}\n{two}")
    assert config.sync_groups == (SyncGroup(name="G", members=("1", "2"), smtp_alert=True, span=SPAN, **commands),)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("", ScriptConfig(name="s"), id="defaults"),
        pytest.param("interval 5", ScriptConfig(name="s", interval=5_000_000, timeout=5_000_000), id="interval"),
        pytest.param(
            "interval 0.25\ntimeout 3", ScriptConfig(name="s", interval=250_000, timeout=3_000_000), id="timeout"
        ),
        pytest.param("rise 2\nfall 3\ninit_fail", ScriptConfig(name="s", rise=2, fall=3, init_fail=True), id="counts"),
    ],
)
def test_a_script(lines: str, expected: ScriptConfig) -> None:
    text = f"vrrp_script s {{\nscript /s\nuser nobody\n{lines}\n}}\n"
    loaded = loads(text, file="k.conf")
    assert loaded.config is not None
    (script,) = loaded.config.scripts
    assert (script.check, script.user, script.weight) == (expected, ("nobody", None), 0)


def test_global_defs() -> None:
    lines = [
        "notification_email { a@x b@x }",
        "notification_email_from c@x",
        "smtp_server 192.0.2.9 587",
        "smtp_connect_timeout 5",
        "router_id R",
        "script_user nobody nogroup",
        "enable_script_security",
    ]
    loaded = loads("global_defs {\n" + "\n".join(lines) + "\n}", file="k.conf")
    assert loaded.config is not None
    assert loaded.config.global_defs == GlobalDefs(
        notification_email=("a@x", "b@x"),
        notification_email_from="c@x",
        smtp_server="192.0.2.9",
        smtp_port=587,
        smtp_connect_timeout=5_000_000,
        router_id="R",
        script_user=("nobody", "nogroup"),
        enable_script_security=True,
    )


@pytest.mark.parametrize(
    ("line", "argv", "text"),
    [
        pytest.param("/bin/check", ("/bin/check",), "/bin/check", id="plain"),
        pytest.param('"killall -0 apache2"', ("killall", "-0", "apache2"), "killall -0 apache2", id="arguments"),
        pytest.param("/bin/check -a b", ("/bin/check", "-a", "b"), "/bin/check -a b", id="without-quotes"),
        pytest.param("/bin/check 'b c'", ("/bin/check", "b c"), "/bin/check 'b c'", id="single-quotes"),
        pytest.param('/bin/check "b c" ""', ("/bin/check", "b c", ""), "/bin/check 'b c' ''", id="double-quotes"),
        pytest.param("\"grep 'a|b' /f\"", ("grep", "a|b", "/f"), "grep 'a|b' /f", id="quoted-bar"),
        pytest.param(r'"grep \"a;b\" /f"', ("grep", "a;b", "/f"), 'grep "a;b" /f', id="quoted-semicolon"),
        pytest.param('"curl h/?a&b=$c|d"', ("curl", "h/?a&b=$c|d"), "curl h/?a&b=$c|d", id="no-shell"),
        pytest.param('"a > /dev/null"', ("a", ">", "/dev/null"), "a > /dev/null", id="redirection"),
        pytest.param('"</dev/tcp/a/1"', ("/bin/sh", "-c", "</dev/tcp/a/1"), "</dev/tcp/a/1", id="only-a-shell"),
        pytest.param("'/bin/check b'", ("/bin/check", "b"), "/bin/check b", id="all-in-single-quotes"),
        pytest.param("""'/bin/check "b c"'""", ("/bin/check", "b c"), '/bin/check "b c"', id="both-quotes"),
        pytest.param("\"'/my check' b\"", ("/my check", "b"), "'/my check' b", id="blank-in-the-name"),
        pytest.param("\"'/my check'\"", ("/my check",), "'/my check'", id="only-a-name-with-a-blank"),
        pytest.param("a;b", ("/bin/sh", "-c", "a;b"), "a;b", id="semicolon-without-quotes"),
        pytest.param(r'"a\nb"', ("a", "b"), "a\nb", id="two-lines"),
    ],
)
def test_how_a_script_is_run(line: str, argv: tuple[str, ...], text: str) -> None:
    loaded = loads(f"vrrp_script s {{\n    script {line}\n}}", file="k.conf")
    assert loaded.config is not None
    assert loaded.config.scripts[0].command == Command(argv=argv, text=text)
