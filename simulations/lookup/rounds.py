"""The lookup of the paper, in strict rounds: not what we ship, but what tables of theory are about.

Each round asks the alpha nearest contacts not yet asked, of the k closest known that did not fail,
and waits for all of them; then come the next. It ends when the k closest have all answered
(Maymounkov & Mazières 2002, section 2.3, without its final burst). A dead contact costs its round a
timeout, which is why :mod:`dht.core.lookup` has no rounds.

Here *depth* means the round in which a contact was first named, plus one: 1 for the own table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulations.compiled import compiled, parallel, prange
from simulations.lookup.answers import ANYWHERE, answer
from simulations.lookup.slate import (
    ANSWERED,
    FAILED,
    STATE,
    UNASKED,
    card,
    depth,
    insert,
    live,
    rank,
    set_state,
)
from simulations.lookup.tables import CHUNKS, part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulations.lookup.rule import Rule
    from simulations.lookup.tables import Tables


class Rounds(NamedTuple):
    """What came of lookups in rounds, a number each.

    Attributes:
        nearest: Whom each found to be closest.
        requests: Requests sent.
        silent: Those that nobody answered.
        rounds: Rounds until the end.
        known: The round in which the closest was first named: 0 if the own table did.
    """

    nearest: NDArray[np.int32]
    requests: NDArray[np.int32]
    silent: NDArray[np.int32]
    rounds: NDArray[np.int32]
    known: NDArray[np.int32]


def in_rounds(
    tables: Tables,
    alive: NDArray[np.bool_],
    rule: Rule,
    sources: NDArray[np.int64],
    targets: NDArray[np.uint64],
) -> Rounds:
    """Make one lookup from each of ``sources`` to the target of the same index."""
    made = Rounds(*(np.zeros(len(sources), np.int32) for _ in Rounds._fields))
    _all(tables, alive, rule, sources, targets, made)
    return made


@parallel
def _all(
    tables: Tables,
    alive: NDArray[np.bool_],
    rule: Rule,
    sources: NDArray[np.int64],
    targets: NDArray[np.uint64],
    made: Rounds,
) -> None:
    for chunk in prange(CHUNKS):
        _chunk(chunk, tables, alive, rule, sources, targets, made)


@compiled
def _chunk(
    chunk: int,
    tables: Tables,
    alive: NDArray[np.bool_],
    rule: Rule,
    sources: NDArray[np.int64],
    targets: NDArray[np.uint64],
    made: Rounds,
) -> None:
    room = 8 * rule.k + 64
    away, cards = np.empty(room, np.uint64), np.empty(room, np.int64)
    who, distances = np.empty(3 * rule.k, np.int32), np.empty(3 * rule.k, np.uint64)
    total = len(sources)
    for index in range(*part(total, chunk)):
        source, target = sources[index], targets[index]
        heard = answer(tables, source, target, 2 * rule.k, ANYWHERE, who, distances)
        count = _learn(away, cards, 0, who, distances, heard, source, 1)
        first = 0
        while True:
            chosen = _choose(cards, count, rule)
            if len(chosen) == 0:
                break
            first += 1
            made.requests[index] += len(chosen)
            for node in chosen:
                if not alive[node]:
                    made.silent[index] += 1
                    continue
                heard = answer(tables, node, target, rule.k, ANYWHERE, who, distances)
                count = _learn(away, cards, count, who, distances, heard, source, first + 1)
            _settle(cards, count, alive)
        made.rounds[index] = first
        nearest = _nearest(cards, count)
        made.nearest[index], made.known[index] = rank(nearest), depth(nearest) - 1


@compiled
def _choose(cards: NDArray[np.int64], count: int, rule: Rule) -> NDArray[np.int32]:
    """The next round: whom it asks."""
    chosen = np.empty(rule.alpha, np.int32)
    within = taken = 0
    for where in range(count):
        if within == rule.k or taken == rule.alpha:
            break
        if live(cards[where]):
            within += 1
            if cards[where] & STATE == UNASKED:
                chosen[taken] = rank(cards[where])
                taken += 1
                # Settled at the end of the round; till then nobody is moved.
                set_state(cards, where, ANSWERED)
    return chosen[:taken]


@compiled
def _settle(cards: NDArray[np.int64], count: int, alive: NDArray[np.bool_]) -> None:
    """Who was asked and is dead has failed."""
    for where in range(count):
        if cards[where] & STATE == ANSWERED and not alive[rank(cards[where])]:
            set_state(cards, where, FAILED)


@compiled
def _nearest(cards: NDArray[np.int64], count: int) -> int:
    """The card of the nearest that answered; the first, if nobody did."""
    for where in range(count):
        if cards[where] & STATE == ANSWERED:
            return int(cards[where])
    return int(cards[0])


@compiled
def _learn(
    away: NDArray[np.uint64],
    cards: NDArray[np.int64],
    count: int,
    who: NDArray[np.int32],
    distances: NDArray[np.uint64],
    heard: int,
    own: int,
    hops: int,
) -> int:
    """Rank what was heard; how many are known then."""
    for index in range(heard):
        entry = card(who[index], hops)
        if who[index] != own and insert(away, cards, count, distances[index], entry) >= 0:
            count = min(count + 1, len(away))
    return count
