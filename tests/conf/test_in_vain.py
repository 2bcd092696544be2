"""What is right by itself and does nothing in its file."""

import pytest

from labkit.conf.in_vain import in_vain
from labkit.conf.loader import loads

INSTANCE = """\
vrrp_instance VI {
 interface eth0
 virtual_router_id 21
 virtual_ipaddress {
  192.0.2.1/24
 }
"""
SCRIPT = "vrrp_script chk {\n script /bin/true\n}\n"
PROCESS = "vrrp_track_process web {\n process nginx\n}\n"
ALERTED = INSTANCE + " smtp_alert\n}\n"
GROUP = "vrrp_sync_group G {\n group {\n  VI\n }\n smtp_alert\n track_script {\n  chk\n }\n}\n"
SERVER = "global_defs {\n smtp_server 192.0.2.9\n}\n"
RECIPIENT = "global_defs {\n smtp_server 192.0.2.9\n notification_email {\n  a@b\n }\n}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            SCRIPT + INSTANCE + "}\n",
            ["1:13: warning: nobody tracks `chk`: it does not run; name it in a `track_script`, or remove it"],
            id="script",
        ),
        pytest.param(
            PROCESS + INSTANCE + "}\n",
            ["1:20: warning: nobody tracks `web`: it is not watched; name it in a `track_process`, or remove it"],
            id="process",
        ),
        pytest.param(
            PROCESS + SCRIPT + INSTANCE + " track_script {\n  chk\n }\n track_process {\n  web\n }\n}\n",
            [],
            id="tracked",
        ),
        pytest.param(
            SCRIPT + INSTANCE + "}\n" + GROUP,
            [
                "11:17: warning: `smtp_alert`, but nobody gets mail: there is no `smtp_server`; "
                "add `smtp_server` to `global_defs`"
            ],
            id="tracked-by-a-group-that-writes-to-nobody",
        ),
        pytest.param(
            SERVER + ALERTED,
            [
                "4:15: warning: `smtp_alert`, but nobody gets mail: there is no `notification_email`; "
                "add `notification_email` to `global_defs`"
            ],
            id="no-recipient",
        ),
        pytest.param(RECIPIENT + ALERTED, [], id="mail"),
    ],
)
def test_in_vain(text: str, expected: list[str]) -> None:
    loaded = loads(text, file="f")
    assert loaded.config is not None, loaded.diagnostics
    assert [str(diagnostic).removeprefix("f:") for diagnostic in in_vain(loaded.config)] == expected
