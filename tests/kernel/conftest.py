from collections.abc import Iterator

import pytest

from tests.kernel.lan import Lan, Namespace, why_not


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    if why_not():
        pytest.skip(why_not())
    made = Namespace()
    yield made
    made.close()


@pytest.fixture
def lan() -> Iterator[Lan]:
    """Two hosts and an observer."""
    if why_not():
        pytest.skip(why_not())
    made = Lan(2)
    yield made
    made.close()
