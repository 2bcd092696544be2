import errno
from pathlib import Path

from labkit.checks import Waiter
from labkit.checks.waiting import READ, now, ready
from labkit.lvs.check import Result
from labkit.trace import SECOND
from tests.checks.asking import drive


def test_what_the_kernel_does_not_watch_is_an_error_within_the_check(tmp_path: Path) -> None:
    async def check() -> Result:
        with (tmp_path / "file").open("w") as file:
            try:
                for _ in range(2):  # the second time epoll is asked
                    assert await ready(file, READ, now() + 60 * SECOND)
            except OSError as error:  # EPERM: epoll takes no regular files
                return Result(ok=False, detail=errno.errorcode[error.errno or 0])
        return Result(ok=True)

    waiter, results = Waiter(), list[Result]()
    waiter.start(check(), results.append)
    drive(waiter, lambda: results)
    assert results == [Result(ok=False, detail="EPERM")]
    assert (len(waiter), waiter.deadline) == (0, None)
    waiter.close()
