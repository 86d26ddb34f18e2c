"""A law of a user's own: drawn from where Python draws, refused where kernels do."""

from __future__ import annotations

import numpy as np
import pytest

from simulations.errors import ConfigError
from simulations.rows import Kind
from simulations.statistics import digest
from tests.sim_experiments import rerun
from tests.sim_laws import TwoCrowds

LAW = ("churn.session.law=tests.sim_laws:TwoCrowds", "churn.session.mean=100")
SMALL = (
    "network.nodes=60",
    "duration=150",
    "network.latency.model=constant",
    "network.loss=0",
    "traffic.rate=4",
)


def test_it_is_a_law() -> None:
    law, rng = TwoCrowds(100.0, 0.1), np.random.default_rng(1)
    assert law.draw(rng, 20_000).mean() == pytest.approx(100, rel=0.02)
    assert law.residual(rng, 20_000).mean() == pytest.approx(law.residual_mean, rel=0.02)


def test_real_engines_live_by_it() -> None:
    brief, even = (
        rerun("churn", *LAW, f"churn.session.brief={share}", *SMALL) for share in (0.05, 1.0)
    )
    joins, steady = ((rows["kind"] == Kind.JOIN).sum() for rows in (brief, even))
    assert joins == pytest.approx(steady, rel=0.35), "the mean is what decides how many come"
    assert digest(even) != digest(brief)


def test_compiled_lookups_live_by_it_too() -> None:
    rows = rerun("churn", *LAW, *SMALL, "fidelity=lookup", "network.nodes=200")
    assert rows.count
    assert rows["timeouts"].sum() > 0


def test_a_kernel_that_draws_by_itself_refuses_it() -> None:
    with pytest.raises(ConfigError, match="no law that a kernel knows"):
        rerun("churn", *LAW, *SMALL, "fidelity=message")
