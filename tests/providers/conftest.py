"""The tests of one provider stay in one process, which raises its lab once."""

from pathlib import Path

import pytest

_HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name the group before pytest-xdist asks for it."""
    for item in items:
        if item.path.parent == _HERE and isinstance(item, pytest.Function) and "place" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group(item.callspec.id))
