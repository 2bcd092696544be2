"""The evidence of a run: all that is needed to see, without the lab, what happened in it.

FOLDER/LAB-SCENARIO/
    report.html        verdict, picture, timeline
    result.json        what was expected and measured
    trace.jsonl        everything that was seen, one record a line
    NETWORK.pcapng     the frames of each network, by the port of the switch that they came in by
    NODE/syslog        the node's log
    NODE/etc/...       the files that it was given
"""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from labkit.diagnostics import LabkitError
from labkit.lab.client import Client
from labkit.lab.page import to_html
from labkit.lab.pcapng import pcapng
from labkit.lab.provider import File
from labkit.lab.report import Run, to_json
from labkit.lab.topology import Topology
from labkit.trace import Kind


def keep(folder: Path, run: Run, files: Mapping[str, Sequence[File]], client: Client | None) -> Path:
    """Write the evidence of a run below `folder`; return where it is.

    There are no captures of a lab that has ended, nor of a simulated one, which has no client.

    Raises:
        LabkitError: a file cannot be written.
    """
    place = folder / f"{run.lab} {run.title}".replace("/", "-").replace(" ", "-")
    captures = _captures(run.topology, client) if run.topology and client else {}
    try:
        place.mkdir(parents=True, exist_ok=True)
        _write(place / "report.html", to_html([run]))
        _write(place / "result.json", to_json([run]))
        _write(place / "trace.jsonl", _trace(run))
        for network, capture in captures.items():
            (place / f"{network}.pcapng").write_bytes(capture)
        for node, given in files.items():
            _write(place / node / "syslog", _log(run, node))
            for file in given:
                _write(place / node / file.path.lstrip("/"), file.text)
    except OSError as error:
        raise LabkitError(f"the evidence cannot be written: {error}") from error
    return place


def record(folder: Path, run: Run) -> Path:
    """Write the trace of a run below `folder`, in place of that of the run before of its scenario; return where it is.

    Raises:
        LabkitError: it cannot be written.
    """
    path = folder / "runs" / f"{run.lab}-{run.result.scenario}.jsonl".replace("/", "-")
    new = path.with_suffix(f".{os.getpid()}")  # two may run at once
    try:
        _write(new, _trace(run))
        new.replace(path)
    except OSError as error:
        raise LabkitError(f"the trace cannot be kept: {error}") from error
    return path


def _trace(run: Run) -> str:
    return "".join(record.to_json() + "\n" for record in run.result.trace)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _log(run: Run, node: str) -> str:
    told = (record for record in run.result.trace if record.kind is Kind.LOG and record.node == node)
    return "".join(f"{record.data['line']}\n" for record in told)


def _captures(topology: Topology, client: Client) -> dict[str, bytes]:
    began = (time.time_ns() - time.monotonic_ns()) / 1e9
    comment = f"time 0 of labkit's trace is {began:.6f} s after 1970-01-01 00:00 UTC"
    names = {link.address.ip: node.name for node in topology.nodes for link in node.links}
    captures = {}
    try:
        for network in topology.networks:
            ports = [
                f"{node.name}.{link.interface}"
                for node in topology.nodes
                for link in node.links
                if link.network == network.name
            ]
            frames = list(client.frames(network.name))
            captures[network.name] = pcapng(frames, ports, names, comment)
    except LabkitError:  # the lab has ended, which is what there is to tell of
        return captures
    return captures
