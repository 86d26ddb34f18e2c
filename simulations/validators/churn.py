"""V5 and V6 as the compiled events see them: who is there, and what is lost with them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from simulations.laws import Exponential, Weibull
from simulations.message.keeping import Keeping
from simulations.message.run import simulate
from simulations.scenario import Churn, Network, Rules, Scenario, Traffic
from simulations.theory.churn import departed, mean_time_to_loss, population
from simulations.validation import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulations.chance import Chance
    from simulations.laws import Law
    from simulations.message.run import Outcome

NODES: Final = 4000
RECORDS: Final = 4000
MEAN: Final = 3600.0
NEVER: Final = 1e9
"""Seconds: a period of upkeep that no run lives to see. Loss is to be that of nobody's repair."""
Z: Final = 3.5
"""Deviations: one check in 2,000 would fail by chance."""


def checks(chance: Chance) -> Iterator[Check]:
    """Loss of replicas, sizes, and ages."""
    for law in (Exponential(MEAN), Weibull(MEAN, 0.5)):
        seen = watch(law, chance.stream(law.name))
        yield from replicas(law, seen)
        yield from sessions(law, seen)
    draws = chance.stream("last holder").generator().exponential(MEAN, (100_000, 20))
    for holders in (3, 8, 20):
        yield Check(
            name=f"V5 time until the last of {holders} holders leaves",
            expected=mean_time_to_loss(MEAN, holders),
            obtained=float(draws[:, :holders].max(axis=1).mean()),
            tolerance=0.01,
            unit="s",
            source="maximum of exponentials: mean x harmonic number",
        )


def watch(law: Law, chance: Chance) -> Outcome:
    """Records published once, in a network that repairs nothing, for one mean session."""
    never = {
        "questionable_after": NEVER,
        "provider_lifetime": NEVER,
        "record_lifetime": NEVER,
        "replicate_every": NEVER,
    }
    scenario = Scenario(
        duration=MEAN + 120.0,
        network=Network(nodes=NODES),
        rules=Rules(k=4, refresh=NEVER, switches=never),
        churn=Churn(session=law),
        traffic=Traffic(rate=0.0),
    )
    return simulate(scenario, chance, Keeping(count=RECORDS, provided=True, sample_every=60.0))


def replicas(law: Law, seen: Outcome) -> Iterator[Check]:
    """What is left of the copies of the first minutes, one mean session later."""
    start, later = seen.copies[1], seen.copies[-1]
    gone = departed(law, float(seen.samples["time_s"][-1] - seen.samples["time_s"][1]))
    # Given how many copies each had: some writes of the first moments went to who left just then.
    chances = gone ** start.astype(np.float64)
    yield Check(
        name=f"V5 records lost after one mean session, {law.name}",
        expected=float(chances.sum()),
        obtained=float((later == 0).sum()),
        # Neighbouring records share holders: the variance is about twice that of independent ones.
        tolerance=Z * math.sqrt(2 * float((chances * (1 - chances)).sum())),
        sense="absolute",
        unit="records",
        source="(share departed)**k",
    )
    yield Check(
        name=f"V5 copies left after one mean session, {law.name}",
        expected=1 - gone,
        obtained=float(later.sum() / start.sum()),
        # A holder takes all its copies along: the nodes are the sample, not the copies.
        tolerance=Z * math.sqrt(2 * gone * (1 - gone) / NODES),
        sense="absolute",
        source="integral of 1 - F over E[L]",
    )


def sessions(law: Law, seen: Outcome) -> Iterator[Check]:
    """Arrivals and ages."""
    rate = seen.departures / float(seen.samples["time_s"][-1])
    yield Check(
        name=f"V6 nodes by arrivals and mean session, {law.name}",
        expected=NODES,
        obtained=population(rate, law.mean),
        tolerance=0.06,
        source="Little's law",
    )
    yield Check(
        name=f"V6 mean age of the nodes that are there, {law.name}",
        expected=law.residual_mean,
        obtained=float(seen.ages.mean()),
        # Of a Weibull law of shape 0.5 ages deviate by 2.2 times their mean.
        tolerance=Z * 2.3 / math.sqrt(NODES),
        unit="s",
        source="E[L²] / 2E[L]",
    )
