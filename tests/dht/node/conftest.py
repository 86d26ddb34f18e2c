"""What tests of nodes share: a network, its state on disk, a keeper in a hurry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dht.node import keeper as keeper_module
from dht.node.state import State
from dht.testing import Testnet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for news as often as the machine allows; users wait a second."""
    monkeypatch.setattr(keeper_module, "_POLL", 0.01)


@pytest.fixture
async def net() -> AsyncIterator[Testnet]:
    async with Testnet(12) as net:
        yield net


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """The state of ``tmp_path``, as another process sees it."""
    with State.open(tmp_path) as state:
        yield state
