"""The network at time 0: who is up and for how long, what tables hold, what comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from simulations.compiled import compiled
from simulations.message import events
from simulations.message import state as st
from simulations.message.heap import expect, later
from simulations.message.opened import opened
from simulations.message.plant import plant_all
from simulations.message.sessions import arise, baptise
from simulations.message.upkeep import wake

if TYPE_CHECKING:
    from simulations.chance import Chance
    from simulations.message.state import Array, World
    from simulations.scenario import Scenario, Trace

JOIN_EVERY: Final = 0.02
"""Seconds from one node's joining to the next, where a network begins by joining ..."""
SETTLE: Final = 60.0
"""... and after the last, until the clock shows 0."""


def begin_sessions(w: World, scenario: Scenario, chance: Chance) -> World:
    """Let those be up at time 0 who are, and know each other; enter who comes later."""
    places = len(w.nodes)
    baptise_all(w)
    trace = None if scenario.churn is None else scenario.churn.trace
    if trace is not None:
        return _traced(w, trace)
    dead = round(scenario.network.dead * places)
    ends = stationary_ends(w, scenario, chance)
    ends[:dead] = 0.0  # Never there, and in everybody's tables.
    if scenario.network.start == "joined":
        up = np.flatnonzero(ends > 0)
        starts = -SETTLE - JOIN_EVERY * np.arange(len(up), 0, -1)
        return _visited(w, up, starts, ends[up])
    everyone = everybody(w)
    # Who is behind a NAT answers nobody it has not asked: it stands in no table.
    settle(w, ends, everyone[w.nodes["nat"][everyone["slot"]] == 0])
    return w


def _traced(w: World, trace: Trace) -> World:
    """Sessions as measured: those that have begun by time 0 know each other."""
    order = np.lexsort((trace.node, trace.start))
    node, start, end = trace.node[order], trace.start[order], trace.end[order]
    first = start <= 0
    ends = np.full(len(w.nodes), -np.inf)
    ends[node[first]] = end[first]
    settle(w, ends, everybody(w)[np.isin(everybody(w)["slot"], node[first])])
    return _visited(w, node[~first], start[~first], end[~first])


def _visited(w: World, node: Array, start: Array, end: Array) -> World:
    """Enter sessions that are given, by their start."""
    if len(node):
        expect(w, float(start[0]), events.BEGIN, st.ALL)
    return w._replace(sessions=np.stack([start, end], axis=1), visitors=node.astype(np.int64))


def everybody(w: World) -> Array:
    """All places as contacts, by id."""
    names = np.zeros(len(w.nodes), st.NAMED)
    names["id"], names["slot"] = w.nodes["id"], np.arange(len(w.nodes))
    return np.sort(names, order="id")


def stationary_ends(w: World, scenario: Scenario, chance: Chance) -> Array:
    """When the sessions met at time 0 end; below 0: when an absence does, with its sign turned."""
    churn, places = scenario.churn, len(w.nodes)
    if churn is None:
        return np.full(places, np.inf)
    rng = chance.stream("stationary").generator()
    ages, ends = churn.session.stationary(rng, places)
    w.nodes["begun"] = -ages
    if churn.absence is not None:
        away = churn.absence.residual(rng, places)
        ends = np.where(rng.random(places) < churn.availability, ends, -away)
    return ends


def begin_traffic(w: World, scenario: Scenario) -> None:
    """The first lookup, the first read."""
    traffic = scenario.traffic
    if traffic.lookups or traffic.rate > 0:
        expect(w, 0.0, events.TRAFFIC, st.ALL)
    if w.habits.gets > 0:
        expect(w, 0.0, events.READ, st.ALL)


@compiled
def baptise_all(world: World) -> None:
    """Give every place its first id."""
    w = opened(world)
    for n in range(w.nodes.shape[0]):
        baptise(w, n)


@compiled
def settle(world: World, ends: Array, everyone: Array) -> None:
    """Those whose session ends after 0 are up, with full tables; who is away, comes back."""
    w = opened(world)
    for n in range(w.nodes.shape[0]):
        if ends[n] > 0.0:
            arise(w, n, w.nodes[n].begun, ends[n])
        elif ends[n] < 0.0 and ends[n] > -np.inf:
            later(w, -ends[n], events.RETURN, n)
    plant_all(w, everyone, 0.0)
    for n in range(w.nodes.shape[0]):
        if w.nodes[n].alive:
            wake(w, n, 0.0)
