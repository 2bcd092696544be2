"""Passwords, authentication headers and auth_hmac; and what strict mode says of them and of the rest."""

from dataclasses import replace
from pathlib import Path

import pytest

from labkit.conf.loader import loads
from labkit.vrrp.config import AntiReplay, HmacConfig, HmacMode, RouterConfig
from tests.conf.samples import said
from tests.conf.test_values import ROUTER, instance_of

DIGITS = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
RAW = bytes(range(32))
TEXT = "thirty-two-bytes-of-plain-text-!"
KEY = f"key 1 hex:{DIGITS}"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("auth_type AH\nauth_pass secret", replace(ROUTER, ah=b"secret"), id="ah"),
        pytest.param("auth_type PASS\nauth_pass secret", replace(ROUTER, auth=b"secret"), id="pass"),
    ],
)
def test_a_password(lines: str, expected: RouterConfig) -> None:
    assert instance_of(f"authentication {{\n{lines}\n}}").router == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(KEY, HmacConfig(keys={1: RAW}, active=1), id="defaults"),
        pytest.param(
            f'{KEY}\nkey 255 "{TEXT}"\nactive_key 255\nanti_replay monotonic\nmode receive-only',
            HmacConfig(
                keys={1: RAW, 255: TEXT.encode()},
                active=255,
                anti_replay=AntiReplay.MONOTONIC,
                mode=HmacMode.RECEIVE_ONLY,
            ),
            id="all",
        ),
        pytest.param(
            f"{KEY}\ntime_window 300\nmode permissive",
            HmacConfig(keys={1: RAW}, active=1, window=300_000_000, mode=HmacMode.PERMISSIVE),
            id="window",
        ),
    ],
)
def test_keys(lines: str, expected: HmacConfig) -> None:
    assert instance_of(f"auth_hmac {{\n{lines}\n}}").router.hmac == expected


def test_the_window_follows_the_interval() -> None:
    router = instance_of(f"advert_int 7\nauth_hmac {{\n{KEY}\n}}").router
    assert router.hmac == HmacConfig(keys={1: RAW}, active=1, window=21_000_000)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(f"hex:{DIGITS}\n", RAW, id="digits"),
        pytest.param(f"{TEXT}\r\n", TEXT.encode(), id="text"),
    ],
)
def test_a_key_in_a_file(tmp_path: Path, content: str, expected: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content.encode())
    router = instance_of(f"auth_hmac {{\nkey 3 file:{file}\n}}").router
    assert router.hmac == HmacConfig(keys={3: expected}, active=3)


def test_no_key_is_shown() -> None:
    router = instance_of(f"auth_hmac {{\n{KEY}\n}}").router
    assert DIGITS not in repr(router)
    assert repr(RAW) not in repr(router)


WRITE = "write a number from 1 to 255, then 32 to 64 bytes: text, hex: and digits, or file: and a path"
NO_FILE = "name a file that can be read and holds text or hex: and digits"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            "", ["4:1: this auth_hmac has no `key`; add `key` and " + WRITE.removeprefix("write ")], id="none"
        ),
        pytest.param("key 1", [f"5:6: something is missing here; {WRITE}"], id="no-key"),
        pytest.param("key", [f"5:4: something is missing here; {WRITE}"], id="nothing"),
        pytest.param("key 0 x", ["5:5: `0` does not fit here; write a whole number from 1 to 255"], id="number"),
        pytest.param("key 1 short", [f"5:7: the key has 5 bytes; {WRITE}"], id="short"),
        pytest.param(f"key 1 hex:{DIGITS * 3}", [f"5:7: the key has 96 bytes; {WRITE}"], id="long"),
        pytest.param("key 1 hex:123", [f"5:7: these are not pairs of hexadecimal digits; {WRITE}"], id="digits"),
        pytest.param(
            "key 1 file:/nowhere",
            [f"5:7: the key cannot be read from `/nowhere`: No such file or directory; {NO_FILE}"],
            id="no-file",
        ),
        pytest.param(
            "key 1 file:/bin/true",
            [f"5:7: the key cannot be read from `/bin/true`: it is not text; {NO_FILE}"],
            id="binary",
        ),
        pytest.param(f"{KEY}\n{KEY}", ["6:5: there is a key 1 already; write another number"], id="key-twice"),
        pytest.param(
            f"{KEY}\nkey 2 hex:{DIGITS}", ["4:1: which key signs?; add `active_key` and its number"], id="two-keys"
        ),
        pytest.param(f"{KEY}\nactive_key 2", ["6:12: there is no key 2; known here: 1"], id="active"),
        pytest.param(
            f"{KEY}\ntime_window 5\nanti_replay monotonic",
            ["6:13: `time_window` has no effect beside `anti_replay monotonic`; remove one of them"],
            id="window-without-time",
        ),
        pytest.param(
            f"{KEY}\nmode off", ["6:6: `off` does not fit here; write enforce, permissive or receive-only"], id="mode"
        ),
    ],
)
def test_what_is_wrong_with_keys(lines: str, expected: list[str]) -> None:
    assert said(instance(f"auth_hmac {{\n{lines}\n}}")) == expected


def instance(lines: str) -> str:
    text = f"vrrp_instance A {{\ninterface eth0\nvirtual_router_id 7\n{lines}\n"
    if "virtual_ipaddress" not in lines:
        text += "virtual_ipaddress { 192.0.2.1 }\n"
    return text + "}\n"


def test_password_and_keys_exclude_each_other() -> None:
    text = instance(f"authentication {{\nauth_type PASS\nauth_pass a\n}}\nauth_hmac {{\n{KEY}\n}}")
    assert said(text) == [
        "8:1: an advert is authenticated by `authentication` or by `auth_hmac`, not by both; remove one of them"
    ]


STRICT = replace(
    ROUTER, strict=True, accept=False, lower_prio_no_advert=True, lower_prio_repeat=0, owner_ignore_adverts=True
)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("strict_mode", STRICT, id="strict"),
        pytest.param("strict_mode off", ROUTER, id="off"),
        pytest.param("strict_mode\npriority 255\nstate MASTER", replace(STRICT, priority=255, accept=True), id="owner"),
        pytest.param("strict_mode\nversion 3\naccept", replace(STRICT, version=3, accept=True), id="accept"),
        pytest.param("strict_mode yes\nversion 3\nno_accept", replace(STRICT, version=3), id="no_accept"),
        pytest.param(
            "strict_mode\nlower_prio_no_advert on\nhigher_prio_send_advert off\ngarp_lower_prio_repeat 0",
            STRICT,
            id="said-again",
        ),
    ],
)
def test_strict_mode(lines: str, expected: RouterConfig) -> None:
    assert instance_of(lines).router == expected


def test_strict_mode_for_all_but_one() -> None:
    before = "global_defs {\nvrrp_strict\nvrrp_down_timer_adverts 5\n}"
    assert instance_of("", before).router == STRICT
    assert instance_of("strict_mode off", before).router == replace(ROUTER, down_timer_adverts=5)


REMOVE = "remove it, or write `strict_mode off`"
OWNER = (
    "in strict mode the owner of the addresses (priority 255) is MASTER at first, and no other; "
    "write `state MASTER` with `priority 255`, `state BACKUP` with a lower one"
)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("preempt_delay 5", [f"5:15: strict mode has no `preempt_delay 5`; {REMOVE}"], id="preempt_delay"),
        pytest.param(
            "garp_lower_prio_repeat 3",
            [f"5:24: strict mode has no `garp_lower_prio_repeat 3`; {REMOVE}"],
            id="garp_lower_prio_repeat",
        ),
        pytest.param(
            "lower_prio_no_advert off",
            [f"5:22: strict mode has no `lower_prio_no_advert off`; {REMOVE}"],
            id="lower_prio_no_advert",
        ),
        pytest.param(
            "down_timer_adverts 5",
            [f"5:20: strict mode has no `down_timer_adverts 5`; {REMOVE}"],
            id="down_timer_adverts",
        ),
        pytest.param(
            "higher_prio_send_advert",
            [f"5:1: strict mode has no `higher_prio_send_advert`; {REMOVE}"],
            id="higher_prio_send_advert",
        ),
        pytest.param(
            "use_vmac\nvmac_xmit_base", [f"6:1: strict mode has no `vmac_xmit_base`; {REMOVE}"], id="vmac_xmit_base"
        ),
        pytest.param("accept", [f"5:1: strict mode has no `accept`; {REMOVE}"], id="accept-in-version-2"),
        pytest.param("state MASTER\npriority 100", [f"5:7: {OWNER}"], id="master"),
        pytest.param("state BACKUP\npriority 255", [f"5:7: {OWNER}"], id="owner"),
        pytest.param(
            "authentication {\nauth_type PASS\nauth_pass a\n}",
            [f"5:1: strict mode has no passwords (RFC 3768 10); {REMOVE}"],
            id="authentication",
        ),
        pytest.param(f"auth_hmac {{\n{KEY}\n}}", [], id="signed"),
        pytest.param(
            f"auth_hmac {{\n{KEY}\nmode permissive\n}}",
            ["7:6: strict mode demands that adverts are signed and verified; write `mode enforce`"],
            id="permissive",
        ),
        pytest.param(
            "unicast_peer { 192.0.2.12 }",
            [
                "5:16: warning: strict mode, but unicast is not in the RFCs; "
                "it is done all the same, as keepalived does; "
                "write `strict_mode off`"
            ],
            id="unicast",
        ),
        pytest.param(
            "version 2\nvirtual_ipaddress { 2001:db8::1 }",
            [
                "5:9: VRRP version 2 has no IPv6: labkit uses version 3, as keepalived does; write `version 3`",
                "6:21: the first IPv6 address of a virtual router should be link-local; "
                "put one from fe80::/10 before it on every router",
            ],
            id="ipv6",
        ),
    ],
)
def test_what_strict_mode_refuses(lines: str, expected: list[str]) -> None:
    assert said(instance(f"strict_mode\n{lines}")) == expected


def test_no_addresses_on_purpose() -> None:
    text = "vrrp_instance A {\ninterface eth0\nvirtual_router_id 7\nno_virtual_ipaddress\n}\n"
    loaded = loads(text, file="k.conf")
    assert loaded.diagnostics == ()
    assert loaded.config is not None
    (built,) = loaded.config.instances
    assert (built.router.addresses, built.router.family, built.addresses) == ((), 4, ())
    six = loads(text.replace("no_virtual", "native_ipv6\nno_virtual"), file="k.conf").config
    assert six is not None
    assert (six.instances[0].router.family, six.instances[0].router.version) == (6, 3)
    assert said(text.replace("}", "strict_mode\n}")) == [f"4:1: strict mode has no `no_virtual_ipaddress`; {REMOVE}"]
    assert said(instance("no_virtual_ipaddress\nvirtual_ipaddress { 192.0.2.1 }")) == [
        "4:1: `no_virtual_ipaddress`, but there are addresses; remove it"
    ]
