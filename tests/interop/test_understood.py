"""What C keepalived says in its dump that it understood of an instance, beside what labkit understood."""

import re
import shutil
import signal
from pathlib import Path

import pytest

from labkit.conf.loader import loads
from labkit.conf.model import VrrpInstance
from tests.kernel.lan import Lan, eventually, why_not

pytestmark = [pytest.mark.kernel, pytest.mark.interop]

GLOBALS = [
    pytest.param("", id="nothing"),
    pytest.param("vrrp_min_garp", id="few-announcements"),
    pytest.param("vrrp_min_garp\nvrrp_garp_master_repeat 3", id="few-but-three"),
    pytest.param(
        "vrrp_garp_master_delay 2\nvrrp_garp_master_repeat 4\nvrrp_garp_master_refresh 9\n"
        "vrrp_garp_master_refresh_repeat 3",
        id="announcements",
    ),
    pytest.param("vrrp_garp_lower_prio_repeat 1\nvrrp_garp_lower_prio_delay 7", id="lower-priorities"),
    pytest.param("vrrp_version 3\nvrrp_down_timer_adverts 9\nvrrp_lower_prio_no_advert", id="protocol"),
    pytest.param("smtp_alert\nvrrp_notify_priority_changes yes\nvrrp_higher_prio_send_advert", id="whom-to-tell"),
    pytest.param("smtp_alert_vrrp off\nsmtp_alert\nvrrp_mcast_group4 224.0.0.98", id="mail-but-not-of-vrrp"),
]
INSTANCES = [
    *("", "garp_master_delay 9\ngarp_master_repeat 2", "garp_lower_prio_delay 0\ngarp_lower_prio_repeat 0"),
    *("garp_master_refresh 60\ngarp_master_refresh_repeat 2", "lower_prio_no_advert", "lower_prio_no_advert off"),
    *("higher_prio_send_advert", "higher_prio_send_advert off", "no_accept", "nopreempt", "down_timer_adverts 5"),
    *("nopreempt\nstate MASTER\npriority 9", "version 2", "version 3\nadvert_int 0.5", "smtp_alert", "smtp_alert off"),
    *("notify_deleted", "notify_priority_changes off", "promote_secondaries", "mcast_dst_ip 224.0.0.99"),
    *("unicast_peer {\n192.168.1.99\n}", "unicast_peer {\n192.168.1.98 min_ttl 5\n}", "priority 254"),
    *("strict_mode\nversion 3", "unicast_peer {\n192.168.1.97\n}\ncheck_unicast_src\nunicast_ttl 9"),
    "version 2\nauthentication {\nauth_type AH\nauth_pass abc\n}",
]


def yes(value: bool, *, on: str = "true", off: str = "false") -> str:
    return on if value else off


def ours(instance: VrrpInstance) -> dict[str, str]:
    """Return what the dump would say of an instance."""
    router = instance.router
    delay = router.announce_delay if router.lower_prio_delay is None else router.lower_prio_delay
    repeat = router.announce_repeat if router.lower_prio_repeat is None else router.lower_prio_repeat
    lines: dict[str, object] = {
        "VRRP Version": router.version,
        "Gratuitous ARP delay": router.announce_delay // 1_000_000,
        "Gratuitous ARP repeat": router.announce_repeat,
        "Gratuitous ARP refresh": router.refresh_interval // 1_000_000,
        "Gratuitous ARP lower priority repeat": repeat,
        "Down timer adverts": router.down_timer_adverts,
        "Send advert after receive lower priority advert": yes(not router.lower_prio_no_advert),
        "Send advert after receive higher priority advert": yes(router.higher_prio_send_advert),
        "Priority": router.priority,
        "Accept": yes(router.accept, on="enabled", off="disabled"),
        "Preempt": yes(router.preempt, on="enabled", off="disabled"),
        "Promote_secondaries": yes(instance.promote_secondaries, on="enabled", off="disabled"),
        "Using smtp notification": yes(instance.smtp_alert, on="yes", off="no"),
        "Notify deleted": yes(instance.notify_deleted, on="Deleted", off="Fault"),
        "Notify priority changes": yes(instance.notify_priority_changes),
    }
    if repeat:  # the rest says nothing then
        lines["Gratuitous ARP lower priority delay"] = delay // 1_000_000
    if router.refresh_interval:
        lines["Gratuitous ARP refresh repeat"] = router.refresh_repeat
    if router.unicast:
        lines |= {"Unicast TTL": router.ttl, "Check unicast src": yes(router.check_unicast_source, on="yes", off="no")}
    else:
        lines["Multicast address"] = router.destination or "224.0.0.18"
    return {name: str(value) for name, value in lines.items()}


def text_of(global_defs: str) -> str:
    instances = [
        f"vrrp_instance I{n} {{\ninterface eth0\nvirtual_router_id {n}\n"
        f"virtual_ipaddress {{\n10.0.0.{n}\n}}\n{lines}\n}}\n"
        for n, lines in enumerate(INSTANCES, 1)
    ]
    return f"global_defs {{\n{global_defs}\n}}\n" + "".join(instances)


def dump_of(lan: Lan, text: str, folder: Path) -> dict[str, str]:
    """Run C keepalived, with a /tmp of its own, and return what its dump says of each instance."""
    (folder / "keepalived.conf").write_text(text)
    own_tmp = f"mount --make-rprivate / && mount --bind {folder} /tmp && exec "
    files = "-f /tmp/keepalived.conf -p /tmp/pid -r /tmp/vrrp.pid -c /tmp/checkers.pid"
    shell = ["unshare", "-m", "sh", "-c", f"{own_tmp} keepalived -n -l -D {files} > /tmp/log 2>&1"]
    process = lan.hosts[0].start(shell)
    try:
        dump = folder / "keepalived.data"
        eventually(lambda: "Startup complete" in (folder / "log").read_text() if (folder / "log").exists() else False)
        process.send_signal(signal.SIGUSR1)
        eventually(lambda: dump.exists() and "Sockpool" in dump.read_text())
        content = dump.read_text().split("------< VRRP Sockpool")[0]
    finally:
        process.kill()  # C keepalived takes a second to end by itself
        process.wait(timeout=10)
    blocks = re.split(r"^ VRRP Instance = ", content, flags=re.MULTILINE)[1:]
    return {block.split("\n", 1)[0].strip(): block for block in blocks}


@pytest.mark.parametrize("global_defs", GLOBALS)
def test_both_understand_the_same(tmp_path: Path, global_defs: str) -> None:
    if why_not() or shutil.which("keepalived") is None:
        pytest.skip(why_not() or "keepalived is not installed")
    text = text_of(global_defs)
    config = loads(text, file="k.conf").config
    assert config is not None
    lan = Lan(1)
    try:
        blocks = dump_of(lan, text, tmp_path)
    finally:
        lan.close()
    for instance, lines in zip(config.instances, INSTANCES, strict=True):
        found = dict(
            re.findall(
                r"^ +([\w ]+?) ?(?:=|:| (?=[\d.]+$)) ?([\w.]+)(?: sec\w*)?$", blocks[instance.router.name], re.MULTILINE
            )
        )
        expected = ours(instance)
        assert {name: found.get(name) for name in expected} == expected, lines
