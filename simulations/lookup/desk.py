"""What a faithful walk works on: the state of one lookup as arrays, made once and used for many.

Compiled code knows no objects that change. What :class:`dht.core.lookup.Lookup` and its siblings
keep in attributes stands here in arrays, and the names of attributes are names of columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulations.compiled import compiled
from simulations.lookup.slate import HEARD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.lookup.rule import Rule
    from simulations.lookup.tables import Tables

NONE = -1

COUNT, HELD, SLOWED, SILENT, ANSWERS, ASKED, ALPHA = range(7)
"""``tally``, of each path: places taken, requests that hold a slot, slow ones, contacts given up,
answers, requests, and the path's share of alpha."""
NODE, PATH, QUESTION, PASSED = range(4)
"""``calls``: who was asked, on which path, whether about the edge, how far its silence has gone."""
SENT, DUE, DEAD = range(3)
"""``moments`` of calls: when it was sent, when its next timeout passes, when it is given up."""
PATIENT, GONE_SLOW, GONE_DEAD = range(3)
"""How far the silence of a call has gone, as :class:`dht.core.calls.Silence` has it."""
CALLS, ANSWER, OPEN = range(3)
"""``counts``: calls made, the first that may still be answered, calls whose timeout may pass."""
NOW, SEEN, SPREAD = range(3)
"""``clock``: the moment, answers observed, and the spread of :class:`dht.core.timing.Timing`."""
LEFT, OWING, PRESSING, POSED = range(4)
"""``edge``: questions left, the call that asks one, whether the end waits for it, whether any was
asked; as in :class:`dht.core.edge.EdgeLookup`."""
TARGET, POINT, LAST_POINT = range(3)
"""``points``: where to, the edge that may be asked about, and the one that was asked about."""


class World(NamedTuple):
    """Where walks take place.

    Attributes:
        tables: Everybody's.
        alive: bool[N]: who answers.
        subnets: int32[N]: everybody's subnet, negative for none; may be empty if nothing limits it.
    """

    tables: Tables
    alive: NDArray[np.bool_]
    subnets: NDArray[np.int32]


class Desk(NamedTuple):
    """The state of a walk; columns are named above.

    Attributes:
        away: Distances of the slates, a row for each path, and one for the result of all.
        cards: Their cards.
        tally: Numbers of each path.
        heard: Whom each path heard of lately.
        calls: Requests, in their order.
        moments: Their moments, in seconds.
        open: The calls whose timeout may pass, in their order.
        counts: Numbers of calls.
        clock: The moment, and what is known of round trips.
        edge: The question about the edge.
        points: Ids.
        who: Contacts of the answer that is being read.
        distances: Their distances.
    """

    away: NDArray[np.uint64]
    cards: NDArray[np.int64]
    tally: NDArray[np.int64]
    heard: NDArray[np.int32]
    calls: NDArray[np.int32]
    moments: NDArray[np.float64]
    open: NDArray[np.int32]
    counts: NDArray[np.int64]
    clock: NDArray[np.float64]
    edge: NDArray[np.int64]
    points: NDArray[np.uint64]
    who: NDArray[np.int32]
    distances: NDArray[np.uint64]


@compiled
def request_limit(k: int) -> int:
    """How many requests a path may make: as :func:`dht.core.lookup.request_limit`."""
    return 16 * k + 128


@compiled
def make_desk(rule: Rule) -> Desk:
    """Make a desk for walks by ``rule``.

    A slate has room for eight times k and what other paths may take away; the farthest give way.
    One of them would be asked only if so many nearer ones had failed: with 2 of 5 dead about twice
    k are ever asked. Longer slates cost what it costs to move them.
    """
    limit, paths = request_limit(rule.k), rule.paths
    room, most = 8 * rule.k + 64 + 2 * rule.k * (paths - 1), limit * paths + 2
    heard = 2 * rule.k * paths + rule.k
    return Desk(
        np.empty((paths + 1, room), np.uint64),
        np.empty((paths + 1, room), np.int64),
        np.empty((paths + 1, 7), np.int64),
        np.empty((paths, HEARD), np.int32),
        np.empty((most, 4), np.int32),
        np.empty((most, 3), np.float64),
        np.empty(most, np.int32),
        np.empty(3, np.int64),
        np.empty(3, np.float64),
        np.empty(4, np.int64),
        np.empty(3, np.uint64),
        np.empty(heard, np.int32),
        np.empty(heard, np.uint64),
    )
