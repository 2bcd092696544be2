"""Does things side by side, each in a process of its own: a lab is raised by a fork, which threads would not bear."""

import contextlib
import os
import pickle
import selectors
import signal
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar, cast

from labkit.diagnostics import LabkitError
from labkit.kernel.process import die_with_parent

_T = TypeVar("_T")


def side_by_side(tasks: Iterable[Callable[[], _T]], jobs: int) -> Iterator[_T]:
    """Yield what the tasks return, as they end, with so many of them going on at once; they begin in their order.

    Whoever stops asking ends those that are going on.

    Raises:
        LabkitError: a task raised one, or its process died.
    """
    waiting = iter(tasks)
    running: dict[int, tuple[int, bytearray]] = {}  # by descriptor: process, and what it has written
    with selectors.DefaultSelector() as selector:
        try:
            while True:
                for task in _first(waiting, jobs - len(running)):
                    process, reader = _fork(task)
                    running[reader] = process, bytearray()
                    selector.register(reader, selectors.EVENT_READ)
                if not running:
                    return
                for key, _ in selector.select():
                    piece = os.read(key.fd, 1 << 20)
                    running[key.fd][1].extend(piece)
                    if not piece:
                        selector.unregister(key.fd)
                        process, answer = running.pop(key.fd)
                        os.close(key.fd)
                        yield cast("_T", _answer(process, bytes(answer)))
        finally:
            for reader, (process, _) in running.items():
                os.kill(process, signal.SIGTERM)
                os.close(reader)
                os.waitpid(process, 0)


def _first(tasks: Iterator[Callable[[], _T]], count: int) -> Iterator[Callable[[], _T]]:
    for _ in range(count):
        with contextlib.suppress(StopIteration):
            yield next(tasks)


def _fork(task: Callable[[], object]) -> tuple[int, int]:
    """Start a process for a task; return it, and the descriptor that its answer is to be read from."""
    reader, writer = os.pipe()
    parent = os.getpid()
    process = os.fork()
    if process:
        os.close(writer)
        return process, reader
    try:
        die_with_parent(signal.SIGTERM)
        if os.getppid() == parent:
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump(_outcome(task), pipe)
    finally:
        os._exit(0)


def _outcome(task: Callable[[], object]) -> tuple[object, str]:
    """Return what the task returns, or what went wrong."""
    try:
        return task(), ""
    except LabkitError as error:
        return None, str(error)
    except Exception as error:  # the last frame of a process: whoever waits for it says why
        return None, f"it broke: {error!r}"


def _answer(process: int, written: bytes) -> object:
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if not written:
        raise LabkitError(f"a process that ran a scenario ended with status {status}")
    answer, error = pickle.loads(written)
    if error:
        raise LabkitError(error)
    return answer
