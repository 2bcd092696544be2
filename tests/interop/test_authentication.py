"""Authentication headers between C keepalived and ours, auth_hmac between ours: who takes over, who is refused."""

from tests.interop.configs import SLOW, vi
from tests.interop.situation import Run, Script, situation

AH = "authentication {{\n auth_type AH\n auth_pass {}\n}}"
HMAC = "auth_hmac {{\n key 1 hex:{}\n active_key 1\n}}"
KEY = "".join(f"{byte:02x}" for byte in range(32))
OTHER = "".join(f"{byte:02x}" for byte in range(32, 64))
OURS = (("ours", "ours"),)


@situation(vi(150, AH.format("secret"), timing=SLOW), vi(120, AH.format("secret"), timing=SLOW))
def test_the_header_of_one_is_taken_by_the_other(s: Run) -> Script:
    yield from s.settled()
    s.stop(1)
    released = yield s.advert(1, priority=0)
    taken = yield s.advert(2)
    s.apart(released, taken, 0.531)
    yield s.ended(1)
    s.start(1)
    yield s.owner(1)
    yield s.adverts(1, 2)


@situation(
    vi(150, AH.format("secret"), timing=SLOW),
    vi(120, AH.format("other"), timing=SLOW),
    loose=("priorities", "announced"),
)
def test_headers_of_different_passwords(s: Run) -> Script:
    s.start(1, 2)
    yield s.entered(1, "MASTER", within=8)
    yield s.entered(2, "MASTER", within=8)


@situation(vi(150, HMAC.format(KEY)), vi(120, HMAC.format(KEY)), castings=OURS)
def test_signed_adverts(s: Run) -> Script:
    yield from s.settled()
    s.crash(1)
    yield s.entered(2, "MASTER")
    yield s.ended(1)
    s.start(1)
    yield s.entered(2, "BACKUP")
    yield s.adverts(1, 5)


@situation(vi(150, HMAC.format(KEY)), vi(120, HMAC.format(OTHER)), castings=OURS)
def test_adverts_signed_with_another_key(s: Run) -> Script:
    s.start(1, 2)
    yield s.entered(1, "MASTER")
    yield s.entered(2, "MASTER")
    yield s.logged(1, "the HMAC is not that of our key 1")
