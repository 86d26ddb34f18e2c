"""The networks that a test of the engine runs on, if it asks for one: each of them."""

from __future__ import annotations

import pytest

from tests.strategies import NETWORKS, Network


@pytest.fixture(params=NETWORKS, ids=str)
def network(request: pytest.FixtureRequest) -> Network:
    assert isinstance(request.param, Network)
    return request.param
