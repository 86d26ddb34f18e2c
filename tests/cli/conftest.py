from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.dhtctl import Dhtctl, dhtctl_in, dhtctl_inside
from tests.networks import network

NODES = 20


@pytest.fixture
def dhtctl(tmp_path: Path) -> Dhtctl:
    return dhtctl_in(tmp_path)


@pytest.fixture(scope="session")
def doors() -> Iterator[str]:
    """Where to join a network of live nodes; all tests of a worker share it."""
    with network(NODES) as doors:
        yield doors


@pytest.fixture
def inside(tmp_path: Path) -> Dhtctl:
    """A ``dhtctl`` in this process, with the state that ``dhtctl`` has."""
    return dhtctl_inside(tmp_path)


@pytest.fixture
def online(inside: Dhtctl, doors: str) -> Dhtctl:
    """The same with a network to join."""
    return partial(inside, DHTCTL_BOOTSTRAP=doors)
