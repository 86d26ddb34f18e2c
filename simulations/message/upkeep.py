"""What a node does unasked: the duties, periods and jitter of :mod:`dht.core.upkeep`.

Refresh of stale buckets and of the neighbourhood, checks of questionable contacts, replication and
expiry of records. The deadlines are computed as there, with the same delays, rests and batches,
because they decide how much a network talks.

Promises are not among a node's duties here but moments of their own: see
:mod:`simulations.message.sessions`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dht.core.upkeep import (
    BREATH,
    CHECKS_PER_BATCH,
    GRAIN,
    GRAIN_CEILING,
    JITTER,
    RETRY,
    WALKS_PER_BATCH,
)
from simulations.message import stores
from simulations.message.buckets import is_bad
from simulations.message.chance import draw_sharing, draw_under, unit, word
from simulations.message.events import WAKE
from simulations.message.heap import later
from simulations.message.operations import REFRESH, REPLICATE, begin
from simulations.message.parts import part, whole
from simulations.message.state import NO_RECORD, UPKEEP
from simulations.message.strangers import ping

if TYPE_CHECKING:
    from simulations.message.state import World

MAX_BACKGROUND: Final = 4
"""dht.core.engine's: operations of upkeep under way at once."""


@part
def jittered(w: World, period: float) -> float:
    """A period, drawn anew within 10 % of its length."""
    return period * (1.0 + JITTER * (2.0 * unit(w, UPKEEP) - 1.0))


@part
def draw_delay(w: World) -> float:
    """How long after something is due in the table we look."""
    return unit(w, UPKEEP) * JITTER * min(w.rules.refresh_every, w.rules.questionable_after)


@part
def grain(period: float) -> float:
    """The rest between two looks at things of which ``period`` is the shortest."""
    return min(GRAIN * period, GRAIN_CEILING)


@part
def table_deadline(w: World, n: int) -> float:
    """When the table is to be looked at."""
    node = w.nodes[n]
    seen = min(node.due_buckets, node.due_contacts) + node.delay
    due = min(seen, node.checked, node.neighbourhood, node.table_again)
    return float(max(due, node.table_rest))


@part
def stores_deadline(w: World, n: int) -> float:
    """When the records are to be looked at."""
    return float(max(stores.next_due(w, n), w.nodes[n].stores_rest))


@part
def wake(w: World, n: int, now: float) -> None:
    """See to it that node ``n`` is woken at its next deadline."""
    node = w.nodes[n]
    if node.background >= MAX_BACKGROUND:
        return
    at = max(min(table_deadline(w, n), stores_deadline(w, n)), now)
    if at < node.wakes_at:
        node.wakes_at = at
        later(w, at, WAKE, n)


@part
def do_due(w: World, n: int, now: float) -> None:
    """Begin what is due at node ``n``."""
    node = w.nodes[n]
    if not node.alive or node.background >= MAX_BACKGROUND:
        return
    if node.known == 0:
        node.neighbourhood = np.inf
    elif node.neighbourhood == np.inf:
        node.neighbourhood = now + jittered(w, w.rules.refresh_every)
    table, records = table_deadline(w, n) <= now, stores_deadline(w, n) <= now
    if table:
        look_at_table(w, n, now)
    if records:
        look_at_stores(w, n, now)
    wake(w, n, now)


@part
def look_at_table(w: World, n: int, now: float) -> None:
    """Ping who was silent for long, walk into buckets that were long not walked into."""
    node = w.nodes[n]
    delay = node.delay
    more_checks = check(w, n, now, now - delay)
    more_walks = refresh(w, n, now, now - delay)
    backlog = more_checks or more_walks
    shortest = min(w.rules.refresh_every, w.rules.questionable_after)
    rest = BREATH if backlog else grain(shortest)
    node.table_rest = now + rest
    node.table_again = node.table_rest if backlog else np.inf
    node.delay = draw_delay(w)


@part
def check(w: World, n: int, now: float, then: float) -> bool:
    """Ping the contacts not heard from for longest; whether more are waiting.

    The neighbours of a batch are found by going through the table once for each: there are seldom
    more than two.
    """
    node = w.nodes[n]
    again = now + jittered(w, RETRY * w.rules.questionable_after)
    waiting = survey(w, n, now, then)
    begun = min(waiting, CHECKS_PER_BATCH)
    for _ in range(begun):
        best_b, best_i, oldest = 0, 0, np.inf
        for b in range(node.depth):
            for i in range(w.buckets[n, b].members):
                contact = w.contacts[n, b, i]
                if contact.heard < oldest and unchecked(w, n, b, i, now, then):
                    best_b, best_i, oldest = b, i, contact.heard
        contact = w.contacts[n, best_b, best_i]
        contact.again = again
        # It may be f4's rounding of again that is stored.
        node.checked = min(node.checked, np.float64(contact.again))
        ping(w, n, contact.id, whole(contact.slot), now, oldest)
    return waiting > begun


@part
def unchecked(w: World, n: int, b: int, i: int, now: float, then: float) -> bool:
    """Whether a contact is questionable at ``then``, and no check of it is under way."""
    contact = w.contacts[n, b, i]
    silent = contact.heard + w.rules.questionable_after <= then
    return bool(silent and contact.again <= now and not is_bad(w, contact))


@part
def survey(w: World, n: int, now: float, then: float) -> int:
    """How many contacts are to be checked; renews the deadlines of the contacts."""
    node = w.nodes[n]
    patience = w.rules.questionable_after
    due, checked, waiting = then + patience, np.inf, 0
    for b in range(node.depth):
        for i in range(w.buckets[n, b].members):
            contact = w.contacts[n, b, i]
            if contact.again > now:
                checked = min(checked, np.float64(contact.again))
            if is_bad(w, contact):
                continue
            if contact.heard + patience > then:
                due = min(due, contact.heard + patience)
            elif contact.again <= now:
                waiting += 1
    node.due_contacts = due
    node.checked = checked
    return waiting


@part
def refresh(w: World, n: int, now: float, then: float) -> bool:
    """Walk into our neighbourhood and into stale buckets; whether more are waiting."""
    node = w.nodes[n]
    period = w.rules.refresh_every
    own = node.neighbourhood <= now
    if own:
        node.neighbourhood = now + jittered(w, period)
        w.buckets[n, node.depth - 1].touched = now
    due, stale = then + period, 0
    for b in range(node.depth):
        moment = w.buckets[n, b].touched + period
        if moment > then:
            due = min(due, moment)
        else:
            stale += 1
    node.due_buckets = due
    if own:
        begin_background(w, n, REFRESH, node.id, NO_RECORD, now)
    if node.known == 0:
        return False
    begun, b = 0, 0
    while begun < min(stale, WALKS_PER_BATCH) and b < node.depth:
        if w.buckets[n, b].touched + period <= then:
            begin_background(w, n, REFRESH, refresh_target(w, n, b), NO_RECORD, now)
            begun += 1
        b += 1
    return stale > WALKS_PER_BATCH


@part
def refresh_target(w: World, n: int, b: int) -> int:
    """A random id in the range of bucket ``b``."""
    node = w.nodes[n]
    last = node.depth - 1
    drawn = word(w, UPKEEP)
    if b < last:
        return draw_sharing(node.id, b, drawn)
    return draw_under(node.id, last, drawn)


@part
def begin_background(w: World, n: int, kind: int, target: int, record: int, now: float) -> None:
    """Begin an operation of upkeep."""
    w.nodes[n].background += 1
    begin(w, n, kind, target, record, now)


@part
def look_at_stores(w: World, n: int, now: float) -> None:
    """Drop what has expired, hand on what nobody put for long."""
    stores.expire(w, n, now)
    for _ in range(WALKS_PER_BATCH):
        i = stores.due_copy(w, n, now)
        if i < 0:
            break
        record = w.held[n, i].record
        w.held[n, i].replicate = now + stores.wait(w, n, record)
        begin_background(w, n, REPLICATE, w.records[record].key, record, now)
    rules = w.rules
    rest = grain(min(rules.record_lifetime, rules.provider_lifetime, rules.replicate_every))
    backlog = stores.next_due(w, n) <= now
    w.nodes[n].stores_rest = now + (BREATH if backlog else rest)
