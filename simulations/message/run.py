"""Runs: from a scenario to rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from simulations.message import state as st
from simulations.message.keeping import Keeping
from simulations.message.loop import DONE, advance
from simulations.message.setup import larger, make_world
from simulations.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulations.chance import Chance
    from simulations.message.state import Array, World
    from simulations.scenario import Scenario

PATIENCE: Final = 10.0
"""Seconds for which operations may go on after the end."""

STEP: Final = 1 << 20
"""Moments between two looks at how far we are: about a second."""

OCTETS: Final = {"request": 105.0, "answer": 80.0, "contact": 26.0}
"""What Mainline's messages weigh on average, with the 28 octets of IPv4 and UDP headers: a
``find_node`` has 77 to 80 octets of bencoding, its answer 52 and 26 for each contact."""


@dataclass(frozen=True)
class Outcome:
    """What a run has seen.

    Attributes:
        lookups: One row an operation: :data:`simulations.rows.LOOKUPS`.
        samples: One row a sample: who was up, what tables held, what was sent since the last one.
        copies: Live copies of each record [sample, record].
        ages: How long those have been there that are there at the end.
        departures: Sessions that ended.
        moments: How many things happened.
    """

    lookups: Rows
    samples: Rows
    copies: Array
    ages: Array
    departures: int
    moments: int


def run(
    scenario: Scenario, chance: Chance, progress: Callable[[float], None] | None = None
) -> Rows:
    """Simulate ``scenario``; one row for each lookup after the warm-up.

    Args:
        scenario: What is simulated.
        chance: All the chance there is.
        progress: Told the seconds of virtual time that are over, about once a second of ours.

    Raises:
        ConfigError: This fidelity cannot do something that the scenario says.
    """
    return simulate(scenario, chance, progress=progress).lookups


def simulate(
    scenario: Scenario,
    chance: Chance,
    keeping: Keeping | None = None,
    progress: Callable[[float], None] | None = None,
) -> Outcome:
    """As :func:`run`, with records in the network, and samples of it."""
    w = make_world(scenario, keeping or Keeping(), chance)
    w = pass_time(w, float(scenario.duration), progress)
    moments, departures = int(w.tally[st.EVENTS]), int(w.tally[st.LEAVES])
    ages = scenario.duration - w.nodes["begun"][w.nodes["alive"] == 1]
    # What began in time is waited for, or the slowest of the last seconds would be missing.
    w = pass_time(w, scenario.duration + PATIENCE)
    return Outcome(
        lookups=lookup_rows(w, scenario.traffic.warmup, scenario.duration),
        samples=sample_rows(w),
        copies=w.copies[: w.tally[st.SAMPLES]].copy(),
        ages=ages,
        departures=departures,
        moments=moments,
    )


def pass_time(w: World, until: float, progress: Callable[[float], None] | None = None) -> World:
    """Let happen what happens until ``until``; the world as it is then."""
    while advance(w, until, STEP) != DONE:
        w = larger(w)
        if progress is not None:
            progress(min(max(float(w.clock[0]), 0.0), until))
    if progress is not None:
        progress(until)
    return w


def lookup_rows(w: World, begin: float, end: float) -> Rows:
    """What operations came to, in the order of their ends."""
    rows = w.rows[: w.tally[st.ROWS]]
    rows = rows[(rows["time"] >= begin) & (rows["time"] < end)]
    return Rows(
        {
            "time_s": rows["time"],
            "source": rows["source"],
            "kind": rows["kind"],
            "success": rows["success"],
            "found_closest": rows["found_closest"],
            "hops": rows["hops"],
            "requests": rows["requests"],
            "timeouts": rows["timeouts"],
            "latency_s": rows["latency"],
        }
    )


def sample_rows(w: World) -> Rows:
    """The network as it was, sample by sample; rates are those since the sample before."""
    rows = w.samples[: w.tally[st.SAMPLES]]
    requests, answers, names = (_since(rows[name]) for name in ("requests", "answers", "names"))
    octets = OCTETS["request"] * requests + OCTETS["answer"] * answers + OCTETS["contact"] * names
    node_seconds = np.maximum(_since(rows["time"]) * rows["live"], 1e-9)
    return Rows(
        {
            "time_s": rows["time"],
            "live": rows["live"],
            "contacts": rows["contacts"],
            "stale_share": rows["stale"] / np.maximum(rows["contacts"], 1),
            "bad_share": rows["bad"] / np.maximum(rows["contacts"], 1),
            "messages_per_node_s": (requests + answers) / node_seconds,
            "octets_per_node_s": octets / node_seconds,
            "copies": w.copies[: len(rows)].sum(axis=1) / max(1, w.copies.shape[1]),
        }
    )


def _since(totals: Array) -> Array:
    return np.diff(totals, prepend=totals[:1]).astype(np.float64)
