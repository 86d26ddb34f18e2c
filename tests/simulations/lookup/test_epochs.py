from __future__ import annotations

import math

import numpy as np
import pytest

from simulations.chance import Chance
from simulations.compiled import use_threads
from simulations.laws import Exponential, Fixed, Weibull
from simulations.lookup.epochs import Epochs, stale_share
from simulations.lookup.tables import NOBODY
from simulations.scenario import Churn
from tests.simulations.lookup.small import shared

HOUR = Exponential(3600.0)


def epochs(
    nodes: int = 400,
    k: int = 8,
    churn: Churn | None = None,
    refresh: float = 1800.0,
    epoch: float = 60.0,
    root: int = 1,
) -> Epochs:
    return Epochs(nodes, k, churn or Churn(session=HOUR), refresh, epoch, Chance(root))


def check_rows(network: Epochs) -> None:
    """Every row holds different contacts of its own range, free places last."""
    ids = network.tables.ids
    for node in np.flatnonzero(network.alive):
        depth = int(network.tables.depth[node])
        for level, row in enumerate(network.tables.rows[node]):
            held = [int(each) for each in row if each != NOBODY]
            assert (row[len(held) :] == NOBODY).all()
            assert len(set(held)) == len(held)
            assert node not in held
            bits = [shared(ids[node], ids[other]) for other in held]
            assert all(bit >= level if level == depth else bit == level for bit in bits)


def test_rows_stay_rows_through_hours_of_churn() -> None:
    network = epochs()
    for _ in range(60):
        network.advance()
    check_rows(network)


def test_who_goes_is_replaced_at_once() -> None:
    network = epochs()
    before = network.alive.copy()
    for _ in range(30):
        network.advance()
        assert network.alive.sum() == 400
    stayed = (network.alive & before).sum() / 400
    assert stayed == pytest.approx(math.exp(-0.5), abs=0.08), "exponential: half a mean session"


def test_with_a_law_of_absence_nodes_come_back() -> None:
    churn = Churn(session=HOUR, absence=Exponential(3600.0))
    network = epochs(nodes=1000, churn=churn)
    assert len(network.alive) == 2000
    seen = network.alive.copy()
    for _ in range(200):
        network.advance()
        seen |= network.alive
    assert 880 < network.alive.sum() < 1120
    assert seen.mean() > 0.95


@pytest.mark.parametrize("refresh", [900.0, 3600.0])
def test_the_share_of_dead_entries_is_the_closed_form(refresh: float) -> None:
    shares = []
    network = epochs(nodes=2000, k=20, refresh=refresh)
    for _ in range(10):
        network.advance()
        shares.append(network.stale())
    # Ages go in steps of an epoch, from 0; and newcomers take the places of some of the dead.
    expected = stale_share(3600.0, refresh - 60.0)
    assert 0.87 * expected < np.mean(shares) < 1.01 * expected


def test_refreshing_in_every_epoch_leaves_nobody_dead() -> None:
    assert epochs(refresh=60.0).stale() == 0.0


def test_fixed_sessions_end_when_they_should() -> None:
    network = epochs(churn=Churn(session=Fixed(600.0)))
    first = np.flatnonzero(network.alive)
    for _ in range(10):
        network.advance()
    assert not network.alive[first].any() or network.alive.sum() == 400


def test_one_root_one_history_whatever_the_threads() -> None:
    tables = []
    for threads, root in ((1, 7), (2, 7), (2, 8)):
        use_threads(threads)
        network = epochs(churn=Churn(session=Weibull(3600.0, 0.6)), root=root)
        for _ in range(5):
            network.advance()
        tables.append(network.tables.rows)
    assert (tables[0] == tables[1]).all()
    assert tables[1].shape != tables[2].shape or (tables[1] != tables[2]).any()
