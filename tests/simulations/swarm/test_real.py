"""Real swarms on the heap: the same invariants, and agreement with the compiled ones."""

from __future__ import annotations

import numpy as np
import pytest

from simulations.chance import Chance
from simulations.errors import ConfigError
from simulations.laws import Fixed
from simulations.statistics import digest, t_interval
from simulations.swarm import run
from simulations.swarm.cloth import FALSE_DIGEST, TRUE_DIGEST, Cloth, digests, woven
from simulations.swarm.results import durations, fetching, least_makespan, makespan
from tests.sim_swarms import Access, settings, swarmed
from torrent.core.metainfo import Version

SMALL = {"fidelity": "protocol", "peers": 12, "pieces": 16}


def test_everybody_gets_everything_and_no_faster_than_physics() -> None:
    swarm, rows = swarmed(**SMALL)
    assert np.isfinite(fetching(rows)["completion_s"]).all()
    assert makespan(rows) >= least_makespan(swarm, rows)
    # What is on its way when the last one has finished has left, and not arrived.
    assert 0 <= rows["uploaded"].sum() - rows["downloaded"].sum() < 40 * 16_384
    wanting = fetching(rows)
    need = swarm.content.size + wanting["wasted"]
    assert (wanting["downloaded"] >= swarm.content.size).all()
    assert (wanting["downloaded"] <= need + 16_384).all()
    assert (rows["uploaded"] <= rows["up_bps"] * makespan(rows) + 1).all()


def test_the_same_seed_is_the_same_run() -> None:
    runs = [digest(swarmed(seed, **SMALL)[1]) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("hashes", ["v1", "v2"])
def test_liars_are_found_out_and_nobody_else(hashes: str) -> None:
    _, rows = swarmed(**SMALL, misfits__liars=0.2, content__hashes=hashes)
    assert np.isfinite(fetching(rows)["completion_s"]).all()
    assert rows["banned"][rows["role"] == 3].sum() > 0
    assert rows["banned"][rows["role"] != 3].sum() == 0
    assert rows["false_bans"].sum() == 0
    assert rows["wasted"].sum() > 0


def test_free_riders_upload_nothing() -> None:
    _, rows = swarmed(**SMALL, misfits__free_riders=0.25, misfits__view=11)
    riders = rows.where(rows["role"] == 2)
    assert riders["uploaded"].sum() == 0
    assert np.isfinite(riders["completion_s"]).all()


def test_they_come_and_go() -> None:
    _, rows = swarmed(**SMALL, arrivals__rate=1.0, arrivals__seeding=Fixed(0.5))
    gone = np.isfinite(rows["left_s"])
    assert gone.any()
    stayed = rows["left_s"][gone] - rows["completion_s"][gone]
    assert stayed == pytest.approx(0.5)
    _, rows = swarmed(**SMALL, arrivals__patience=Fixed(2.0))
    assert fetching(rows)["left_s"] == pytest.approx(2.0)


def test_narrow_downlinks_are_the_limit() -> None:
    narrow = 32_768.0
    swarm, rows = swarmed(**SMALL, access=(Access(down=narrow),))
    fastest = swarm.content.size / narrow
    assert (durations(fetching(rows)) >= fastest).all()
    assert makespan(rows) < 1.5 * fastest


def test_who_stays_without_a_source_gives_up_at_the_horizon() -> None:
    told: list[float] = []
    swarm = settings(peers=3, pieces=4, origin__count=0, horizon=25.0)
    rows = run(swarm, Chance(1), told.append, fidelity="protocol")
    assert np.isnan(rows["completion_s"]).all()
    assert told == [10, 20, 25]


@pytest.mark.parametrize(
    "how",
    [
        {"rules__choke": "lottery"},
        {"rules__seed_choke": "fastest"},
        {"rules__rarest": False},
        {"rules__whole": True},
        {"rules__ban": "points"},
        {"origin__super_seeding": True},
        {"peers": 5001},
        {"content__piece_bytes": 50_000},
        {"content__piece_bytes": 8192, "content__block_bytes": 8192},
    ],
)
def test_what_does_not_ship_is_refused(how: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        swarmed(fidelity="protocol", **how)


def test_cloth() -> None:
    info = woven(5, 32_768, Version.V2)
    assert info.piece_count == 5
    assert digests(memoryview(bytes(16_384) + b"\xff" * 16_384)) == (TRUE_DIGEST, FALSE_DIGEST)
    shared, own = Cloth(32_768, shared=True), Cloth(32_768, shared=False)
    first, second = shared.acquire(100), shared.acquire(100)
    assert first is not None
    assert second is not None
    first[0] = 1
    assert second[0] == 1
    lent = own.acquire(100)
    assert lent is not None
    assert len(lent) == 100
    own.release(lent)


AGREEING = {"peers": 20, "pieces": 240, "origin__up": 524_288.0, "rules__slots": 4}
SEEDS = (1, 2)


@pytest.mark.slow
def test_both_fidelities_agree_but_for_beginning_and_end() -> None:
    """How much what `simulations.swarm.real` lists matters."""
    both = {
        fidelity: [swarmed(seed, fidelity, **AGREEING)[1] for seed in SEEDS]
        for fidelity in ("message", "protocol")
    }
    compiled, real = (t_interval([makespan(r) for r in both[f]]) for f in both)
    assert compiled.middle == pytest.approx(real.middle, rel=0.06)
    ratios = [
        np.concatenate([fetching(r)["uploaded"] / fetching(r)["downloaded"] for r in both[f]])
        for f in both
    ]
    assert ratios[0].mean() == pytest.approx(ratios[1].mean(), rel=0.05)
