"""What is told of servers, in C keepalived's lines, scripts and letters (captured from keepalived 2.2.7)."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from labkit.conf.loader import loads
from labkit.conf.model import GlobalDefs
from labkit.conf.model_balancing import VirtualServer
from labkit.daemon.balancing_news import BalancingEditor, BalancingNews
from labkit.daemon.balancing_words import activating, records, shutting_down, tell
from labkit.lvs.check import Result, Run, Settled
from labkit.lvs.director import Director
from labkit.lvs.events import Action, Answered, CheckId, Configure, Event, Stop, Wake
from labkit.lvs.model import Protocol, ServiceKey
from labkit.trace import Kind

CONF = """
virtual_server 192.168.1.20 80 {{
 lb_algo rr
 lb_kind NAT
 protocol TCP
 delay_loop 1
 retry 1
 warmup 0
 {more}
 quorum_up /q/up
 quorum_down /q/down
 sorry_server 127.0.0.9 8009
 real_server 127.0.0.2 802 {{
  notify_up "/n/up2 a b"
  notify_down /n/down2
  {real}
  TCP_CHECK {{
  }}
 }}
 real_server 127.0.0.3 803 {{
  {real}
  TCP_CHECK {{
  }}
 }}
}}
"""
VS = "[192.168.1.20]:tcp:80"
OTHER = ServiceKey(protocol=Protocol.TCP, address=IPv4Address("192.168.1.30"), port=80)
TWO, THREE = "[127.0.0.2]:tcp:802", "[127.0.0.3]:tcp:803"
FAILED = Result(ok=False, detail="connection refused")


class Story:
    """A director and what is told of it, second by second."""

    def __init__(self, more: str = "", real: str = "", before: str = "") -> None:
        loaded = loads(before + CONF.format(more=more, real=real), file="k.conf")
        assert loaded.config is not None, loaded.diagnostics
        self.servers: tuple[VirtualServer, ...] = loaded.config.virtual_servers
        self.known = {server.core.key: server for server in self.servers}
        self.defaults: GlobalDefs = loaded.config.global_defs
        self.editor = BalancingEditor()
        self.editor.configure(self.servers)
        self.director = Director()
        self.now = 0
        self.news: list[BalancingNews] = []
        self.log: list[str] = []
        self.traced: list[tuple[Kind, dict[str, object]]] = []
        self.handle(Configure(servers=tuple(one.core for one in self.servers)))

    def handle(self, event: Event) -> list[Action]:
        actions = self.director.handle(event, self.now)
        farewell = isinstance(event, Stop)
        self.news += self.editor.news(actions, farewell=farewell)
        self.log += tell(actions, self.known)
        self.traced += [(kind, dict(data)) for kind, data in records(actions, self.known)]
        return actions

    def run(self, seconds: int, dead: str = "") -> None:
        """Let checks run; those of addresses that end in one of `dead` fail."""
        for _ in range(seconds):
            self.now += 1_000_000
            for action in self.handle(Wake()):
                if isinstance(action, Run):
                    ok = str(action.check.server[0])[-1] not in dead
                    self.handle(Answered(check=action.check, result=Result(ok=True) if ok else FAILED))

    def stop(self) -> None:
        self.handle(Stop())

    @property
    def lines(self) -> list[str]:
        return [news.line for news in self.news]

    @property
    def scripts(self) -> list[str]:
        return [" ".join(command.argv) for news in self.news for command, _ in news.to_run()]

    @property
    def letters(self) -> list[tuple[str, str]]:
        told = [news.mail(self.defaults) for news in self.news]
        return [(mail.subject, mail.text) for mail in told if mail is not None]


def test_a_service_that_a_reload_adds_had_no_sorry_server_in_its_place() -> None:
    story = Story()
    story.log.clear()
    new = replace(story.servers[0].core, service=replace(story.servers[0].core.service, key=OTHER))
    story.known[OTHER] = replace(story.servers[0], core=new)
    story.handle(Configure(servers=(story.servers[0].core, new)))
    assert story.log == [f"Gained quorum 1+0=1 <= 2 for VS {OTHER}"]


def test_a_reload_that_changes_a_weight_says_whether_the_server_is_in_use() -> None:
    story = Story()
    story.run(2)
    story.run(2, dead="2")
    story.log.clear()
    core = story.servers[0].core
    servers = tuple(replace(one, destination=replace(one.destination, weight=9)) for one in core.servers)
    story.handle(Configure(servers=(replace(core, servers=servers),)))
    assert story.log == [
        f"Changing weight from 1 to 9 for inactive service {TWO} of VS {VS}",
        f"Changing weight from 1 to 9 for active service {THREE} of VS {VS}",
    ]


def test_servers_come_and_go() -> None:
    story = Story()
    story.run(2)
    story.run(3, dead="2")
    story.run(3, dead="23")
    story.run(2, dead="3")
    story.run(2)
    assert story.lines == [
        f"VS {VS} UP\n",
        f"RS {TWO} {VS} DOWN\n",
        f"RS {THREE} {VS} DOWN\n",
        f"VS {VS} DOWN\n",
        f"RS {TWO} {VS} UP\n",
        f"VS {VS} UP\n",
        f"RS {THREE} {VS} UP\n",
    ]
    assert story.scripts == ["/q/up", "/n/down2", "/q/down", "/n/up2 a b", "/q/up"]
    assert story.letters == [
        (
            f"Realserver {TWO} of virtual server {VS} - DOWN",
            "=> TCP CHECK failed on service <=\n\nReason: connection refused\n",
        ),
        (
            f"Realserver {THREE} of virtual server {VS} - DOWN",
            "=> TCP CHECK failed on service <=\n\nReason: connection refused\n",
        ),
        (f"Realserver {TWO} of virtual server {VS} - UP", "=> TCP CHECK succeed on service <=\n"),
        (f"Realserver {THREE} of virtual server {VS} - UP", "=> TCP CHECK succeed on service <=\n"),
    ]
    assert story.log == [
        f"Gained quorum 1+0=1 <= 2 for VS {VS}",
        f"TCP connection to {TWO} success.",
        f"TCP connection to {THREE} success.",
        f"TCP_CHECK on service {TWO} failed after 1 retries: connection refused",
        f"Removing service {TWO} from VS {VS}",
        f"TCP_CHECK on service {THREE} failed after 1 retries: connection refused",
        f"Removing service {THREE} from VS {VS}",
        f"Lost quorum 1-0=1 > 0 for VS {VS}",
        f"Adding sorry server [127.0.0.9]:tcp:8009 to VS {VS}",
        f"Removing alive servers from the pool for VS {VS}",
        f"TCP connection to {TWO} success.",
        f"Adding service {TWO} to VS {VS}",
        f"Gained quorum 1+0=1 <= 1 for VS {VS}",
        f"Removing sorry server [127.0.0.9]:tcp:8009 from VS {VS}",
        f"Adding alive servers to the pool for VS {VS}",
        f"TCP connection to {THREE} success.",
        f"Adding service {THREE} to VS {VS}",
    ]


def test_who_begins_as_down_and_who_is_told_of_the_end() -> None:
    story = Story(more="alpha\n omega\n smtp_alert on")
    assert story.editor.initial() == []
    assert story.log == [
        f"Starting with quorum down 1-0=1 > 0 for VS {VS}",
        f"Adding sorry server [127.0.0.9]:tcp:8009 to VS {VS}",
        f"Removing alive servers from the pool for VS {VS}",
    ]
    story.run(1)
    story.stop()
    up, down = [f"RS {TWO} {VS} UP\n", f"VS {VS} UP\n"], [f"RS {TWO} {VS} DOWN\n", f"RS {THREE} {VS} DOWN\n"]
    assert story.lines == [f"VS {VS} DOWN\n", *up, f"RS {THREE} {VS} UP\n", *down, f"VS {VS} DOWN\n"]
    assert story.scripts == ["/q/down", "/n/up2 a b", "/q/up", "/n/down2", "/q/down"]
    assert story.letters[0] == (f"Virtualserver {VS} - DOWN", "=> Starting with quorum down 1-0=1 > 0 <=\n")
    assert story.letters[2] == (f"Virtualserver {VS} - UP", "=> Gained quorum 1+0=1 <= 1 <=\n")
    assert story.letters[-2:] == [
        (f"Realserver {THREE} of virtual server {VS} - DOWN", "=> Shutting down <=\n"),
        (f"Virtualserver {VS} - DOWN", "=> Shutting down <=\n"),
    ]
    assert [(news.final, news.is_farewell) for news in story.news] == [(False, False)] * 4 + [(True, True)] * 3


def test_every_server_is_told_at_the_start_if_it_is_wanted() -> None:
    story = Story()
    initial = story.editor.initial()
    assert [news.line for news in initial] == [f"RS {TWO} {VS} UP\n", f"RS {THREE} {VS} UP\n"]
    assert [news.mail(story.defaults) for news in initial] == [None, None]
    assert story.editor.subjects == {("RS", f"{TWO} {VS}"), ("RS", f"{THREE} {VS}"), ("VS", VS)}
    assert {command.text for command in story.editor.scripts} == {"/n/up2 a b", "/n/down2", "/q/up", "/q/down"}
    assert list(activating(story.servers)) == [
        f"Activating healthchecker for service {name} for VS {VS}" for name in (TWO, THREE)
    ]
    assert list(shutting_down(story.servers[0])) == [
        f"Shutting down service {name} from VS {VS}" for name in (TWO, THREE)
    ]


@pytest.mark.parametrize(
    ("more", "real", "before", "servers", "quorum"),
    [
        pytest.param("", "", "", True, False, id="as-it-is"),
        pytest.param("smtp_alert", "", "", True, True, id="virtual-servers-too"),
        pytest.param("", "smtp_alert off", "", False, False, id="not-of-these"),
        pytest.param("", "", "smtp_alert off", False, False, id="of-nothing"),
        pytest.param("", "", "smtp_alert_checker\n smtp_alert off", True, True, id="of-checkers"),
    ],
)
def test_who_gets_mail(more: str, real: str, before: str, servers: bool, quorum: bool) -> None:
    story = Story(more, real, f"global_defs {{\n {before}\n}}\n")
    story.run(4, dead="23")
    subjects = [subject.split()[0] for subject, _ in story.letters]
    assert ("Realserver" in subjects, "Virtualserver" in subjects) == (servers, quorum)


def test_each_failure_is_logged_if_it_is_wanted() -> None:
    story = Story(before="global_defs {\n checker_log_all_failures\n}\n")
    story.run(3, dead="2")
    assert [line for line in story.log if TWO in line] == [
        f"TCP connection to {TWO} failed: connection refused",
        f"TCP connection to {TWO} failed: connection refused",
        f"TCP_CHECK on service {TWO} failed after 1 retries: connection refused",
        f"Removing service {TWO} from VS {VS}",
    ]


def test_a_server_that_stays_with_weight_0_is_disabled_and_enabled() -> None:
    story = Story(real="inhibit_on_failure")
    story.run(2)
    story.run(2, dead="2")
    story.run(1)
    assert [line for line in story.log if "abling" in line] == [
        f"Disabling service {TWO} of VS {VS}",
        f"Enabling service {TWO} of VS {VS}",
    ]


def test_the_trace_tells_of_checks_servers_and_quorum() -> None:
    story = Story()
    story.run(3, dead="23")
    assert story.traced == [
        (Kind.QUORUM, {"service": VS, "up": True, "weight": 2, "quorum": 1, "hysteresis": 0}),
        *(
            record
            for name in (TWO, THREE)
            for record in (
                (
                    Kind.CHECK,
                    {
                        "service": VS,
                        "server": name,
                        "check": "TCP_CHECK",
                        "healthy": False,
                        "detail": "connection refused",
                    },
                ),
                (Kind.SERVER, {"service": VS, "server": name, "up": False}),
            )
        ),
        (Kind.QUORUM, {"service": VS, "up": False, "weight": 0, "quorum": 1, "hysteresis": 0}),
    ]


CHECKS = {
    "TCP_CHECK {\n }": ("TCP connection to {} success.", "TCP_CHECK on service {} failed after 1 retries: no."),
    "HTTP_GET {\n url {\n path /\n }\n }": (
        "Remote Web server {} succeed on service.",
        "HTTP_CHECK on service {} failed after 1 retries: no.",
    ),
    "SSL_GET {\n url {\n path /\n }\n }": (
        "Remote Web server {} succeed on service.",
        "HTTP_CHECK on service {} failed after 1 retries: no.",
    ),
    "SMTP_CHECK {\n }": (
        "Remote SMTP server {} succeed on service.",
        "SMTP_CHECK on service {} failed after 1 retries: no.",
    ),
    "UDP_CHECK {\n }": ("UDP connection to {} success.", "UDP_CHECK on service {} failed after 1 retries: no."),
    "PING_CHECK {\n }": ("ICMP connection to {} success.", "ICMP CHECK on service {} failed after 1 retries: no."),
    "MISC_CHECK {\n misc_path /m\n }": (
        f"Misc check for [{{}} VS {VS}] by [/m] succeeded.",
        f"Misc check for [{{}} VS {VS}] by [/m] failed after 1 retries: no.",
    ),
    "DNS_CHECK {\n }": ("DNS_CHECK on service {} success.", "DNS_CHECK on service {} failed after 1 retries: no."),
}


@pytest.mark.parametrize(("block", "lines"), [pytest.param(*item, id=item[0].split()[0]) for item in CHECKS.items()])
def test_each_kind_of_check_is_told_in_keepalived_s_words(block: str, lines: tuple[str, str]) -> None:
    text = CONF.format(more="", real="").replace("TCP_CHECK {\n  }", block, 1)
    loaded = loads(text, file="k.conf")
    assert loaded.config is not None, loaded.diagnostics
    (virtual,) = loaded.config.virtual_servers
    check = CheckId(virtual.core.key, virtual.core.servers[0].destination.key, 0)
    told = [
        Settled(check=check, healthy=ok, result=Result(ok=ok, detail="" if ok else "no."), attempts=1 - ok, first=False)
        for ok in (True, False)
    ]
    assert list(tell(told, {virtual.core.key: virtual})) == [line.format(TWO) for line in lines]
