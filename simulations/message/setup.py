"""From a scenario to the arrays of a world, and to larger ones when they run low."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulations.errors import ConfigError
from simulations.message import events
from simulations.message import state as st
from simulations.message.heap import expect
from simulations.message.policies import rules_of
from simulations.message.shortlist import ROOM
from simulations.message.start import begin_sessions, begin_traffic

if TYPE_CHECKING:
    from simulations.chance import Chance
    from simulations.message.keeping import Keeping
    from simulations.message.state import Array, Habits, Rules, World
    from simulations.scenario import Scenario

SPARE_DEPTH: Final = 4
"""Buckets beyond those that tables of such a network are expected to have."""


def depth(nodes: int, k: int) -> int:
    """How many buckets a table may need.

    N (N/2**b)**k / k! nodes have k neighbours or more that share b bits with them; where that
    falls below one, no table is split further.
    """
    return min(64, math.ceil(math.log2(nodes) * (1 + 1 / k)) + SPARE_DEPTH)


def habits_of(scenario: Scenario, keeping: Keeping, latency: tuple[Any, ...]) -> Habits:
    """What nodes do, as numbers."""
    churn, traffic = scenario.churn, scenario.traffic
    mode, law, absence = st.NEVER, (0, 0.0, 0.0), (0, 0.0, 0.0)
    if churn is not None and churn.trace is not None:
        mode = st.TRACED
    elif churn is not None:
        mode, law = st.REPLACED, churn.session.code()
        if churn.absence is not None:
            mode, absence = st.RETURNING, churn.absence.code()
    lookups, span = traffic.rate / 3600.0, 0.0
    if traffic.lookups:
        lookups, span = float(traffic.lookups), float(scenario.duration)
    nat = scenario.network.nat
    return st.Habits._make(
        (
            mode,
            *law,
            *absence,
            *latency[:3],
            float(scenario.network.loss),
            float(nat.restricted),
            float(nat.symmetric),
            lookups,
            span,
            keeping.reads / 3600.0,
            float(keeping.sample_every),
        )
    )


def places_of(scenario: Scenario) -> int:
    """How many places there are: nodes that are up at once, or that ever appear."""
    churn = scenario.churn
    if churn is None:
        return scenario.network.nodes
    if churn.trace is not None:
        return churn.trace.nodes
    return round(scenario.network.nodes / churn.availability)


def make_world(scenario: Scenario, keeping: Keeping, chance: Chance) -> World:
    """All arrays, and the network as it is at time 0."""
    refuse(scenario)
    rules, places = rules_of(scenario, chance), places_of(scenario)
    latency = scenario.network.latency.place(places, chance.stream("places").generator())
    code = latency.code()
    w = allocate(rules, habits_of(scenario, keeping, code), places, keeping, code[3])
    names = ("sessions", "links", "traffic", "upkeep", "gates")
    w.seeds[:] = [chance.stream(name).word() for name in names]
    w = begin_sessions(w, scenario, chance)
    begin_traffic(w, scenario)
    keeping.prepare(w, chance.stream("records"))
    expect(w, 0.0, events.SAMPLE, st.ALL)
    return w


def memory(scenario: Scenario) -> int:
    """Bytes that the arrays of a run take, if all of them are touched: deep buckets seldom are."""
    k = scenario.rules.k or {"mainline": 8, "amino": 20}[scenario.rules.policy]
    places = places_of(scenario)
    bucket = st.BUCKET.itemsize + k * (st.CONTACT.itemsize + st.SPARE.itemsize)
    table = depth(max(places, 2), k) * bucket + st.TRIED_PLACES * st.TRIED.itemsize
    call = st.CALL.itemsize + k * st.NAMED.itemsize + 3 * st.MOMENT.itemsize
    lookup = st.OP.itemsize + ROOM * k * st.CANDIDATE.itemsize
    return places * (st.NODE.itemsize + table + call + lookup // 4)


def refuse(scenario: Scenario) -> None:
    """Refuse what this fidelity cannot do.

    Raises:
        ConfigError: There is such a thing.
    """
    rules = scenario.rules
    wishes = {
        "network.nat.client": scenario.network.nat.client,
        "network.streams": scenario.network.streams,
        "rules.paths": rules.paths != 1,
        "rules.lookup": rules.lookup.name != "shipped",
        "rules.storing": rules.storing.name != "shipped",
        "adversary": scenario.adversary.share > 0 or scenario.adversary.count > 0,
        "codec": scenario.codec,
        "events": bool(scenario.events),
        "rules.others": bool(rules.others),
        "network.ids": scenario.network.ids != "free",
        "network.crowd": scenario.network.crowd != 1,
        "network.parts": scenario.network.parts != 1,
        "traffic.puts": scenario.traffic.puts > 0,
        "traffic.gets": scenario.traffic.gets > 0,
        "traffic.region": scenario.traffic.region > 0,
    }
    for name, wished in wishes.items():
        if wished:
            raise ConfigError(f"{name} is not known at fidelity 'message'; use 'protocol'")


def allocate(rules: Rules, habits: Habits, places: int, keeping: Keeping, spots: Array) -> World:
    """A world of ``places`` places without anybody in them."""
    k, deep = rules.k, depth(max(places, 2), rules.k)
    pool = max(4096, places)
    ops = max(512, places // 4)
    w = st.World(
        rules=rules,
        habits=habits,
        nodes=np.zeros(places, st.NODE),
        buckets=np.zeros((places, deep), st.BUCKET),
        contacts=np.zeros((places, deep, k), st.CONTACT),
        spares=np.zeros((places, deep, k), st.SPARE),
        tried=np.zeros((places, st.TRIED_PLACES), st.TRIED),
        held=np.zeros((places, keeping.room(places, k)), st.HELD),
        records=np.zeros(keeping.count, st.RECORD),
        copies=np.zeros((64, keeping.count), np.int32),
        sessions=np.zeros((0, 2)),
        visitors=np.zeros(0, np.int64),
        spots=spots,
        standing=np.zeros(places + 1, st.NAMED),
        scratch=np.zeros(2 * k, st.NAMED),
        nearest=np.zeros(k, np.uint64),
        calls=np.zeros(pool, st.CALL),
        closer=np.zeros((pool, k), st.NAMED),
        free_calls=np.arange(pool - 1, -1, -1),
        ops=np.zeros(ops, st.OP),
        ranked=np.zeros((ops, ROOM * k), st.CANDIDATE),
        free_ops=np.arange(ops - 1, -1, -1),
        todo=np.zeros(64, np.int64),
        near=np.zeros(2 * pool, st.MOMENT),
        far=np.zeros(4 * places + 4096, st.MOMENT),
        rows=np.zeros(4096, st.LOOKUP),
        samples=np.zeros(64, st.SAMPLE),
        clock=np.zeros(1),
        tally=np.zeros(st.COUNTERS, np.int64),
        seeds=np.zeros(st.STREAMS, np.uint64),
        thrown=np.zeros(st.STREAMS, np.int64),
    )
    w.tally[st.FREE_CALLS], w.tally[st.FREE_OPS] = pool, ops
    return w


def larger(w: World) -> World:
    """The same world with twice the room in every pool and list that runs low."""
    fields: dict[str, Any] = {}
    count = w.tally
    if count[st.FREE_CALLS] < len(w.calls) // 2:
        size = len(w.calls)
        fields |= {"calls": _double(w.calls), "closer": _double(w.closer)}
        fields["free_calls"] = _more_free(w.free_calls, count[st.FREE_CALLS], size)
        count[st.FREE_CALLS] += size
    if count[st.FREE_OPS] < len(w.ops) // 2:
        size = len(w.ops)
        fields |= {"ops": _double(w.ops), "ranked": _double(w.ranked)}
        fields["free_ops"] = _more_free(w.free_ops, count[st.FREE_OPS], size)
        count[st.FREE_OPS] += size
    for name, used in (("near", st.NEAR), ("far", st.FAR), ("rows", st.ROWS)):
        if count[used] > len(getattr(w, name)) // 4:
            fields[name] = _double(getattr(w, name))
    if count[st.SAMPLES] > len(w.samples) // 2:
        fields |= {"samples": _double(w.samples), "copies": _double(w.copies)}
    return w._replace(**fields)


def _double(array: Array) -> Array:
    return np.concatenate([array, np.zeros_like(array)])


def _more_free(free: Array, left: int, size: int) -> Array:
    """A stack of free rows with ``size`` new ones below those that were left."""
    stack = np.zeros(2 * size, free.dtype)
    stack[:size] = np.arange(2 * size - 1, size - 1, -1)
    stack[size : size + left] = free[:left]
    return stack
