"""The routing table: the rules of :mod:`dht.core.table` on rows of contacts.

Kept as they are: buckets by shared leading bits, of which only the last is split; in only after an
answer; an old contact that lives stays; bad after ``max_failures`` requests in a row without
answer; a bad one gives its place to the newest spare, or keeps it while there is none; spares are
the ``k`` that answered last.

Left out, for there is nothing here that they could act on: limits per address and subnet (every
node is alone in both), preferred ids (none is), another endpoint for a known key (a key has one).

Order within a bucket has no meaning in dht.core (who must leave is the one not heard from for
longest), so a member that leaves is replaced by the last. Among spares the order is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dht.core.bucket import MOST_FAILURES
from dht.core.table import GAIN
from simulations.compiled import bit_length
from simulations.message.parts import part, whole

if TYPE_CHECKING:
    from simulations.message.state import Row, World


@part
def prefix(a: int, b: int) -> int:
    """How many leading bits two ids share; 64 if they are equal."""
    return 64 - bit_length(a ^ b)


@part
def bucket_of(w: World, n: int, key: int) -> int:
    """The bucket of node ``n``'s table in whose range ``key`` lies."""
    node = w.nodes[n]
    last: int = node.depth - 1
    return min(prefix(node.id, key), last)


@part
def find(w: World, n: int, b: int, key: int) -> int:
    """The row of ``key`` among the members of bucket ``b``, or -1."""
    for i in range(w.buckets[n, b].members):
        if w.contacts[n, b, i].id == key:
            return i
    return -1


@part
def is_bad(w: World, contact: Row) -> bool:
    """Whether it has failed too often."""
    return bool(contact.failures >= w.rules.max_failures)


@part
def splits(w: World, n: int, b: int, key: int) -> bool:
    """Whether splitting gives ``key`` a place in bucket ``b``, which is full of good contacts.

    It does unless all members would stay with ``key`` however often the last bucket is split.
    """
    node = w.nodes[n]
    if b != node.depth - 1:
        return False
    # Room for all splits is made beforehand (``world.depth``); were it too little, whoever lies
    # deeper shares the last bucket.
    deepest = w.buckets.shape[1] - 1
    share = min(prefix(node.id, key), deepest)
    for i in range(w.buckets[n, b].members):
        if min(prefix(node.id, w.contacts[n, b, i].id), deepest) != share:
            return True
    return False


@part
def has_place(w: World, n: int, b: int, key: int) -> bool:
    """Whether ``key``, which is not in the table, would get a place in it."""
    bucket = w.buckets[n, b]
    return bucket.members - bucket.bad < w.rules.k or splits(w, n, b, key)


@part
def room(w: World, n: int, key: int) -> bool:
    """Whether ``key`` would be inserted, or revived, if it answered now."""
    b = bucket_of(w, n, key)
    i = find(w, n, b, key)
    if i >= 0:
        return is_bad(w, w.contacts[n, b, i])
    return key != w.nodes[n].id and has_place(w, n, b, key)


@part
def heard(w: World, n: int, key: int, now: float) -> bool:
    """A request came from ``key``: note it, if it is a good contact; whether it is."""
    b = bucket_of(w, n, key)
    i = find(w, n, b, key)
    if i < 0 or is_bad(w, w.contacts[n, b, i]):
        return False
    w.contacts[n, b, i].heard = now
    return True


@part
def answered(w: World, n: int, key: int, slot: int, rtt: float, now: float) -> bool:
    """``key`` answered after ``rtt`` seconds: whether the table gained it.

    Refreshed if it is a member; else inserted if there is a place; else it waits.
    """
    b = bucket_of(w, n, key)
    i = find(w, n, b, key)
    if i >= 0:
        contact = w.contacts[n, b, i]
        contact.heard = now
        contact.rtt += GAIN * (rtt - contact.rtt)
        if is_bad(w, contact):
            w.buckets[n, b].bad -= 1
        contact.failures = 0
        return False
    if key == w.nodes[n].id:
        return False
    if not has_place(w, n, b, key):
        wait(w, n, b, key, slot, rtt, now)
        return False
    if w.buckets[n, b].members == w.rules.k and w.buckets[n, b].bad > 0:
        remove(w, n, b, oldest_bad(w, n, b))
    insert(w, n, key, slot, rtt, now, now)
    return True


@part
def failed(w: World, n: int, key: int, now: float) -> bool:
    """``key`` left a request unanswered: whether another took its place."""
    b = bucket_of(w, n, key)
    i = find(w, n, b, key)
    if i < 0:
        drop_spare(w, n, b, key)
        return False
    contact = w.contacts[n, b, i]
    known = is_bad(w, contact)
    contact.failures = min(contact.failures + 1, MOST_FAILURES)
    if not is_bad(w, contact):
        return False
    if not known:
        w.buckets[n, b].bad += 1
    if w.buckets[n, b].spares == 0:
        return False
    # The newest spare. It keeps the time of its own last answer, so it may be questionable at once.
    spare = w.spares[n, b, 0]
    key, when = spare.id, spare.heard
    slot, rtt = whole(spare.slot), np.float64(spare.rtt)
    remove(w, n, b, i)
    insert(w, n, key, slot, rtt, when, now)
    return True


@part
def oldest_bad(w: World, n: int, b: int) -> int:
    """The bad member not heard from for longest; there is one."""
    best = -1
    for i in range(w.buckets[n, b].members):
        contact = w.contacts[n, b, i]
        if is_bad(w, contact) and (best < 0 or contact.heard < w.contacts[n, b, best].heard):
            best = i
    return best


@part
def insert(w: World, n: int, key: int, slot: int, rtt: float, when: float, now: float) -> None:
    """Give a contact, last heard from at ``when``, a place; split as often as that needs."""
    node = w.nodes[n]
    b = bucket_of(w, n, key)
    while w.buckets[n, b].members >= w.rules.k:
        split(w, n)
        b = bucket_of(w, n, key)
    drop_spare(w, n, b, key)
    if node.known == 0:
        node.due_buckets = now
    node.due_contacts = min(node.due_contacts, when + w.rules.questionable_after)
    bucket = w.buckets[n, b]
    contact = w.contacts[n, b, bucket.members]
    contact.id = key
    contact.slot = slot
    contact.heard = when
    contact.rtt = rtt
    contact.again = -np.inf
    contact.failures = 0
    bucket.members += 1
    bucket.touched = max(bucket.touched, now)
    node.known += 1


@part
def remove(w: World, n: int, b: int, i: int) -> None:
    """Let a member go; the last one takes its row."""
    bucket = w.buckets[n, b]
    if is_bad(w, w.contacts[n, b, i]):
        bucket.bad -= 1
    bucket.members -= 1
    w.contacts[n, b, i] = w.contacts[n, b, bucket.members]
    w.nodes[n].known -= 1


@part
def split(w: World, n: int) -> None:
    """Give all that is deeper than the last bucket's number to a new last bucket."""
    node = w.nodes[n]
    b = node.depth - 1
    node.depth += 1
    near, deep = w.buckets[n, b], w.buckets[n, b + 1]
    deep.touched = near.touched
    members, spares = near.members, near.spares
    near.members = near.bad = near.spares = 0
    deep.members = deep.bad = deep.spares = 0
    for i in range(members):
        contact = w.contacts[n, b, i]
        bucket = b + 1 if prefix(node.id, contact.id) > b else b
        row = w.buckets[n, bucket]
        if is_bad(w, contact):
            row.bad += 1
        w.contacts[n, bucket, row.members] = contact
        row.members += 1
    for i in range(spares):
        spare = w.spares[n, b, i]
        bucket = b + 1 if prefix(node.id, spare.id) > b else b
        row = w.buckets[n, bucket]
        w.spares[n, bucket, row.spares] = spare
        row.spares += 1


@part
def wait(w: World, n: int, b: int, key: int, slot: int, rtt: float, now: float) -> None:
    """Put a contact that answered first among the spares; the oldest beyond ``k`` goes."""
    drop_spare(w, n, b, key)
    bucket = w.buckets[n, b]
    bucket.spares = min(bucket.spares + 1, w.rules.k)
    for i in range(bucket.spares - 1, 0, -1):
        w.spares[n, b, i] = w.spares[n, b, i - 1]
    spare = w.spares[n, b, 0]
    spare.id = key
    spare.slot = slot
    spare.heard = now
    spare.rtt = rtt


@part
def drop_spare(w: World, n: int, b: int, key: int) -> None:
    """Forget the spare ``key``, if it waits in bucket ``b``."""
    bucket = w.buckets[n, b]
    for i in range(bucket.spares):
        if w.spares[n, b, i].id == key:
            bucket.spares -= 1
            for j in range(i, bucket.spares):
                w.spares[n, b, j] = w.spares[n, b, j + 1]
            return


@part
def forget_all(w: World, n: int) -> None:
    """A new life: the table is one empty bucket, never touched."""
    node = w.nodes[n]
    node.depth = 1
    node.known = 0
    node.due_buckets = np.inf
    node.due_contacts = np.inf
    bucket = w.buckets[n, 0]
    bucket.members = bucket.bad = bucket.spares = 0
    bucket.touched = -np.inf
