"""Golden texts: what is wrong with the text itself: braces, quotes, characters, and words in the wrong place.

The rows follow what `keepalived -t` says of the same mistakes, or keeps to itself.
"""

import pytest

from tests.conf.samples import EXTRA, INSTANCE, SCRIPT, SECOND, SERVER, UNCLOSED, said

DEFINE = "write `${}=VALUE` on a line before, or double quotes around a word with a real `$`"


def test_the_texts_that_the_tables_change_are_right() -> None:
    assert said(SCRIPT + INSTANCE + SECOND + SERVER) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            "    priority",
            "    priorty",
            ["5:5: `priorty` is not a keyword in `vrrp_instance`; did you mean 'priority'?"],
            id="misspelt-keyword",
        ),
        pytest.param(
            "    interface",
            "    interfaz",
            ["3:5: `interfaz` is not a keyword in `vrrp_instance`; did you mean 'interface'?"],
            id="misspelt-required-keyword-is-not-missing-too",
        ),
        pytest.param(
            "vrrp_instance A",
            "vrrp_instanse A",
            ["1:1: `vrrp_instanse` is not a keyword outside all blocks; did you mean 'vrrp_instance'?"],
            id="misspelt-block",
        ),
        pytest.param(
            "auth_type PASS",
            "qqq",
            [
                "7:5: this authentication has no `auth_type`; add `auth_type` and PASS or AH",
                "8:9: `qqq` is not a keyword in `authentication`; known here: auth_pass, auth_type",
            ],
            id="nothing-near",
        ),
        pytest.param(
            "192.168.1.20\n    }\n}\n",
            "192.168.1.20\n    }\n",
            [f"1:17: the `{{` of `vrrp_instance` {UNCLOSED}"],
            id="no-brace-at-the-end",
        ),
        pytest.param(
            "secret\n    }\n",
            "secret\n",
            [
                f"1:17: the `{{` of `vrrp_instance` {UNCLOSED}",
                "10:5: `virtual_ipaddress` cannot stand in `authentication`; "
                "it belongs in `vrrp_instance`; look for a wrong brace",
            ],
            id="no-inner-brace",
        ),
        pytest.param("192.168.1.20\n    }\n}\n", "192.168.1.20\n    }\n}\n}\n", [f"15:1: {EXTRA}"], id="extra-brace"),
        pytest.param(
            "vrrp_instance A {",
            "vrrp_instance A",
            ["1:16: `vrrp_instance` has no block; add a `{`", f"14:1: {EXTRA}"],
            id="no-opening-brace",
        ),
        pytest.param(
            "virtual_ipaddress {",
            "virtual_ipaddress",
            ["11:22: `virtual_ipaddress` has no block; add a `{`", f"14:1: {EXTRA}"],
            id="no-opening-brace-of-lines",
        ),
        pytest.param(
            "    state BACKUP\n",
            "    state BACKUP {\n}\n{\n}\n",
            [
                "2:5: `state` has no block; remove the braces",
                "4:1: a `{` with no name before it; write what the block is, or remove the brace",
            ],
            id="braces-that-belong-to-nothing",
        ),
        pytest.param(
            "auth_pass secret",
            'auth_pass "secret',
            ['9:19: the quote that opens here has no end; close it with `"` on this line'],
            id="unended-quote",
        ),
        pytest.param(
            "auth_pass secret",
            'auth_pass se"cr"et',
            [
                "9:21: a quote in the middle of a word; put quotes around the whole word",
                "9:25: a quote in the middle of a word; put quotes around the whole word",
            ],
            id="quote-inside-a-word",
        ),
        pytest.param(
            "auth_pass secret",
            'auth_pass "a\\x41\x01"',
            [
                "9:25: character U+0001 is a control character; remove it",
            ],
            id="escape-and-control-character",
        ),
        pytest.param(
            "priority 150",
            "priority\u00a0150",
            ['5:13: character U+00A0 is neither a blank nor a quote; write a space or a plain `"`'],
            id="no-break-space",
        ),
        pytest.param(
            "auth_pass secret",
            "auth_pass secr!t",
            [
                "9:23: warning: the comment starts in the middle of a word, at `!`; "
                "put a space before the comment, or quotes around the word"
            ],
            id="comment-inside-a-word",
        ),
        pytest.param(
            "192.168.1.20\n",
            "$VIP\n",
            [f"12:9: `$VIP` is not defined; {DEFINE.format('VIP')}"],
            id="definition-used",
        ),
        pytest.param(
            "vrrp_instance A {",
            "$VIP=192.168.1.20\nvrrp_instance ${NAME} {",
            [f"2:15: `${{NAME}}` is not defined; {DEFINE.format('NAME')}"],
            id="definition-made",
        ),
        pytest.param(
            "    priority",
            "    include more.conf\n    priority",
            [
                "5:13: there is no file `more.conf` to include; "
                "name a file that is there; a pattern such as `*.conf` may find none"
            ],
            id="include",
        ),
        pytest.param(
            "    priority",
            "    lvs_sync_daemon_interface\n    priority",
            [
                "5:5: `lvs_sync_daemon_interface` is not supported: it is the old form of a line in global_defs; "
                "write `lvs_sync_daemon INTERFACE INSTANCE` in global_defs"
            ],
            id="old-form",
        ),
        pytest.param(
            "priority 150\n",
            "priority 150\n    priority 120\n",
            ["6:5: `priority` stands here again, after line 5; keep one of them"],
            id="keyword-twice",
        ),
        pytest.param(
            "interface eth0\n    virtual_router_id",
            "interface eth0 virtual_router_id",
            [
                "1:15: this vrrp_instance has no `virtual_router_id`; "
                "add `virtual_router_id` and a whole number from 1 to 255",
                "3:20: `virtual_router_id` is a word too many; begin a new line for each statement",
            ],
            id="two-statements-on-a-line",
        ),
        pytest.param(
            "priority 150",
            "priority",
            ["5:13: something is missing here; write a whole number from 1 to 255"],
            id="no-value",
        ),
        pytest.param(
            "vrrp_instance A", "vrrp_instance", ["1:14: something is missing here; write a name"], id="no-title"
        ),
    ],
)
def test_what_is_wrong_with_the_text(old: str, new: str, expected: list[str]) -> None:
    assert old in INSTANCE
    assert said(INSTANCE.replace(old, new)) == expected


def test_a_word_without_end_is_told_in_part() -> None:
    (message,) = said("x" * 70_000)
    assert message.startswith("1:1: `xxx")
    assert "xxx ... xxx" in message
    assert len(message) < 2_000
