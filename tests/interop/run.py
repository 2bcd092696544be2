"""One situation with one casting: the verbs, the waits and the judgements of its script; see situation.py."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tests.interop.forge import GROUP, STRANGER_ADDRESS, Forged
from tests.interop.frames import Frame
from tests.interop.frr import Frr
from tests.interop.network import STRANGER, Host, Network
from tests.interop.program import Program

VIP = "192.168.1.20"
_QUIET = 0.2  # seconds without news after which a script's last step has had its effects


@dataclass(frozen=True, slots=True)
class Until:
    """What a script waits for; the yield returns what `holds` returned."""

    what: str
    holds: Callable[[], Any]
    within: float = 15.0


Script: TypeAlias = Generator[Until, Any, None]
Casting: TypeAlias = tuple[str, ...]


class Run:
    """A situation with one casting: the verbs and the waits of its script."""

    def __init__(
        self,
        casting: Casting,
        configs: Sequence[str],
        script: Callable[["Run"], Script],
        *,
        home: Path,
        interfaces: int,
    ) -> None:
        home.mkdir(parents=True)
        self.casting = casting
        self.configs = dict(enumerate(configs, 1))
        self.network = Network(len(casting), interfaces)
        self.programs = {
            number: made(name, self.network.hosts[number], home / f"host{number}")
            for number, name in enumerate(casting, 1)
        }
        self.failure = ""
        self.seen = 0  # frames that were waited for, or passed over
        self._news = time.monotonic()
        self._noted = 0
        self._script = self._whole(script)
        self._waiting: Until | None = None
        self._deadline = 0.0

    # --- verbs --------------------------------------------------------------------------------------------------------

    def host(self, number: int) -> Host:
        return self.network.hosts[number]

    def start(self, *hosts: int) -> None:
        for number in hosts:
            self.programs[number].start(self.configs[number])

    def stop(self, number: int) -> None:
        """As an init script does."""
        self.signal(number, signal.SIGTERM)

    def signal(self, number: int, which: int) -> None:
        self._mark()
        self.programs[number].signal(which)

    def crash(self, number: int) -> None:
        self._mark()
        self.programs[number].kill()

    def freeze(self, number: int, *, frozen: bool = True) -> None:
        self._mark()
        for pid in self.programs[number].pids():
            os.kill(pid, signal.SIGSTOP if frozen else signal.SIGCONT)

    def reload(self, number: int, config: str) -> None:
        self.programs[number].write(config)
        self.signal(number, signal.SIGHUP)

    def link(self, number: int, interface: str = "eth0", *, up: bool) -> None:
        """Set the host's own side of its cable."""
        self._mark()
        self.host(number).set_link(interface, up=up)

    def port(self, number: int, interface: str = "eth0", *, up: bool) -> None:
        """Set the switch's side of a cable: the host sees its carrier go and come."""
        self._mark()
        self.network.set_port(number, interface, up=up)

    def cut(self, number: int, interface: str = "eth0", *, healed: bool = False) -> None:
        """Let nothing through to the host or from it, while its carrier stays."""
        self._mark()
        self.network.set_joined(number, interface, joined=healed)

    def flag(self, number: int, name: str, *, up: bool) -> None:
        """Make a file in the home of a host's program, or take it away."""
        self._mark()
        path = self.programs[number].home / name
        if up:
            path.touch()
        else:
            path.unlink(missing_ok=True)

    def write(self, number: int, name: str, text: str) -> None:
        """Write a file in the home of a host's program."""
        self._mark()
        (self.programs[number].home / name).write_text(f"{text}\n")

    def stray(self, forged: Forged) -> None:
        """Let the stranger send an advert."""
        self.stray_bytes(forged.ip())

    def stray_bytes(self, packet: bytes) -> None:
        """Let the stranger send an IP packet, whatever is in it."""
        self._mark()
        with self.host(STRANGER).namespace.entered():
            sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        with sender:
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, STRANGER_ADDRESS.packed)
            sender.sendto(packet, (str(GROUP), 0))

    def ip(self, number: int, *arguments: str) -> str:
        """What ip(8) answers on a host."""
        process = self.host(number).namespace.start(("ip", *arguments), stdout=subprocess.PIPE)
        return process.communicate(timeout=5)[0].decode()

    def note(self, number: int, subject: str, value: object) -> None:
        """Let something that was looked up be part of the story."""
        self.programs[number].noted[subject] = value

    # --- waits --------------------------------------------------------------------------------------------------------

    def settled(self) -> Script:
        """Start the hosts one after the other, the first as MASTER and the others as BACKUP."""
        for number, program in self.programs.items():
            self.start(number)
            if number == 1:
                yield self.entered(1, "MASTER")
                yield self.quiet()
            else:
                yield Until(f"BACKUP of {number}", lambda program=program: "BACKUP" in dict(_flip(program.entered())))
        yield self.adverts(1, 2)

    def entered(self, number: int, state: str, instance: str = "VI", within: float = 15.0) -> Until:
        """Until an instance is in a state, by its log."""
        program = self.programs[number]
        return Until(f"{instance} {state} on host {number}", lambda: program.state(instance) == state, within)

    def owner(self, number: int, address: str = VIP, within: float = 15.0) -> Until:
        """Until a host, and no other, holds the address."""

        def holds() -> bool:
            holders = [host.number for host in self.network.hosts.values() if host.holds(address)]
            return holders == [number]

        return Until(f"{address} on host {number} alone", holds, within)

    def holds(self, number: int, address: str = VIP, *, present: bool = True) -> Until:
        words = "" if present else "not "
        return Until(f"{address} {words}on host {number}", lambda: self.host(number).holds(address) is present)

    def heard(self, what: str, wanted: Callable[[Frame], object], count: int = 1, within: float = 15.0) -> Until:
        """Until so many more frames are `wanted`; the last of them is the answer."""
        left = count

        def holds() -> Frame | None:
            nonlocal left
            while self.seen < len(self.network.frames):
                frame = self.network.frames[self.seen]
                self.seen += 1
                if wanted(frame):
                    left -= 1
                    if not left:
                        return frame
            return None

        return Until(f"{count} x {what}", holds, within)

    def advert(self, number: int, priority: int | None = None, vrid: int | None = None, within: float = 15.0) -> Until:
        """Until the next advert of a host, of any priority but 0 or of that one."""

        def wanted(frame: Frame) -> bool:
            advert = frame.advert
            if advert is None or frame.host != number or vrid not in (None, advert.vrid):
                return False
            return advert.priority == priority if priority is not None else advert.priority > 0

        return self.heard(f"advert of host {number} with priority {priority}", wanted, within=within)

    def adverts(self, number: int, count: int) -> Until:
        """Until so many more adverts of a host, from now on: the clock of a script."""
        self.read()
        self.seen = len(self.network.frames)
        return self.heard(f"advert of host {number}", lambda f: f.host == number and f.advert, count)

    def logged(self, number: int, text: str, within: float = 15.0) -> Until:
        """Until the log says something, after what was waited for before."""
        program = self.programs[number]

        def holds() -> bool:
            found = program.log.find(text, program.cursor)
            program.cursor = program.cursor if found < 0 else found + len(text)
            return found >= 0

        return Until(f"{text!r} in the log of host {number}", holds, within)

    def notified(self, number: int, count: int) -> Until:
        program = self.programs[number]
        return Until(f"{count} notifications on host {number}", lambda: len(program.notifications) >= count)

    def ended(self, number: int) -> Until:
        return Until(f"end of host {number}'s program", lambda: self.programs[number].ended)

    def quiet(self, seconds: float = _QUIET) -> Until:
        """Until nothing but adverts happened for a while, from now on."""
        self._news = time.monotonic()
        return Until("quiet", lambda: time.monotonic() - self._news > seconds, seconds + 10)

    # --- judgements ---------------------------------------------------------------------------------------------------

    def apart(self, earlier: Frame, later: Frame, seconds: float, *, early: float = 0.03, late: float = 0.2) -> None:
        """Two frames must be so far apart, give or take what a busy machine makes of it."""
        between = later.at - earlier.at
        assert seconds - early <= between <= seconds + late, f"{between:.3f} s between, not {seconds} s"

    def last_advert(self, number: int, priority: int | None = None) -> Frame:
        """The last advert of a host so far, of any priority or of that one."""
        self.read()
        sent = [(frame, frame.advert) for frame in self.network.frames if frame.host == number]
        found = [frame for frame, advert in sent if advert and priority in (None, advert.priority)]
        assert found, f"host {number} sent no advert"
        return found[-1]

    # --- the loop's side ----------------------------------------------------------------------------------------------

    def _mark(self) -> None:
        """What is waited for from here on comes after this."""
        self.read()
        self.seen = len(self.network.frames)
        self._news = time.monotonic()
        for program in self.programs.values():
            program.cursor = len(program.log)

    def _whole(self, script: Callable[["Run"], Script]) -> Script:
        yield from script(self)
        yield self.quiet()

    def descriptors(self) -> list[int]:
        pipes = [p.descriptor for p in self.programs.values() if p.descriptor is not None]
        monitors = [host.monitor.fileno() for host in self.network.hosts.values()]
        return [self.network.tap.fileno(), *monitors, *pipes]

    def read(self) -> None:
        """Take in everything that happened."""
        self.network.read()
        for program in self.programs.values():
            program.read()
        moved = sum(len(host.history) for host in self.network.hosts.values())
        told = sum(program.told for program in self.programs.values())
        noted = moved + told + sum(1 for frame in self.network.frames if frame.announced)
        if noted != self._noted:
            self._news = time.monotonic()
        self._noted = noted

    def advance(self) -> bool:
        """Go on with the script as far as it goes; return whether there is more of it."""
        try:
            while True:
                answer = None
                if self._waiting is not None:
                    answer = self._waiting.holds()
                    if not answer:
                        assert time.monotonic() < self._deadline, f"waited in vain for {self._waiting.what}"
                        return True
                self._waiting = self._script.send(answer)
                self._deadline = time.monotonic() + self._waiting.within
        except StopIteration:
            return False
        except AssertionError as error:
            self.failure = f"{error}\n{self.report()}"
            return False

    def report(self) -> str:
        """What a person needs to see why a run failed."""
        logs = [f"--- host {n}: {p.name}\n{p.story()}" for n, p in self.programs.items()]
        adverts = [
            f"{frame.at % 1000:8.3f} host {frame.host} {frame.interface} vrid {advert.vrid} {advert.priority}"
            for frame in self.network.frames
            if (advert := frame.advert)
        ]
        return "\n".join([*logs, "--- adverts", *adverts[-20:]])

    def close(self) -> None:
        self._script.close()
        for program in self.programs.values():
            program.close()
        self.network.close()


def _flip(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(second, first) for first, second in pairs]


def made(name: str, host: Host, home: Path) -> Program:
    """Return the program of that name for a host."""
    return Frr(host, home) if name == "FRR" else Program(name, host, home)
