"""What the daemons of a lab cost: processor time and memory, read from /proc in the nodes while they run."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from labkit.diagnostics import LabkitError
from labkit.lab.client import Client
from labkit.lab.daemons import kind_of
from labkit.lab.topology import Node

_TICKS = 100  # a second: USER_HZ, the same on every Linux that Python runs on
_COMMAND = """
for process in /proc/[0-9]*; do
    read -r name <$process/comm
    case $name in PROCESSES) cat $process/stat $process/task/*/schedstat; grep ^Pss: $process/smaps_rollup ;; esac
done 2>/dev/null
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The daemon of one node: the processor time that its processes used since they started, and its memory in kB.

    Memory is the proportional set size: what processes share counts for each by its part (proc(5), smaps_rollup).
    """

    cpu_s: float
    memory_kb: int


def measure(client: Client, nodes: Iterable[Node]) -> dict[str, Usage]:
    """Return what the daemon of each node costs; a node where none runs is left out.

    Raises:
        LabkitError: the lab is gone.
    """
    found = {node.name: read(client.run(node.name, ["/bin/sh", "-c", _command(node)]).output) for node in nodes}
    return {node: usage for node, usage in found.items() if usage is not None}


def _command(node: Node) -> str:
    return _COMMAND.replace("PROCESSES", "|".join(f"{name}*" for name in kind_of(node).processes))


def read(text: str) -> Usage | None:
    """Read what the command printed: `stat`, threads' `schedstat` and Pss of each process; None for no process.

    `stat` counts hundredths of a second, `schedstat` nanoseconds, where the kernel has it; what ended children used is
    in `stat` only.

    Raises:
        LabkitError: it is something else.
    """
    lines = text.splitlines()
    try:
        # proc(5): after the name in brackets field 3 is the first; 14 to 17 are processor time
        processes = [line.rpartition(")")[2].split() for line in lines if ")" in line]
        ended = sum(int(fields[13]) + int(fields[14]) for fields in processes)
        own = sum(int(fields[11]) + int(fields[12]) for fields in processes)
        threads = [int(line.split()[0]) / 1e9 for line in lines if re.fullmatch(r"\d+ \d+ \d+", line)]
        memory = sum(int(size) for size in re.findall(r"^Pss:\s+(\d+) kB$", text, re.MULTILINE))
    except (ValueError, IndexError) as error:
        raise LabkitError(f"/proc of a node is not as proc(5) says: {text[-200:]}") from error
    if not processes:
        return None
    return Usage(cpu_s=ended / _TICKS + (sum(threads) if threads else own / _TICKS), memory_kb=memory)
