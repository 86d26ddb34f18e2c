"""What a simulated network is made of: a few arrays of records, and nothing else.

A compiled kernel knows no objects. What would be an object of :mod:`dht.core` is a row here, and
what would be a reference is a row's number:

============  ==========================  =========================================================
array         a row is                    in dht.core
============  ==========================  =========================================================
``nodes``     a participant               Engine, Timing, Upkeep
``buckets``   a bucket of its table       Bucket
``contacts``  a member of a bucket        a row of a Ledger
``spares``    one that waits for a place  a row of the other Ledger
``tried``     who was met lately          Strangers
``calls``     a request under way         Pending
``closer``    what its answer names       Answer
``ops``       an operation                Operation, Lookup, EdgeLookup
``ranked``    what it knows of a contact  Candidate
``held``      a record it holds           RecordStore
============  ==========================  =========================================================

**Memory is the cost.** A message takes about a microsecond, in which main memory can be read ten
times. So a contact lies beside the others of its bucket, its id within: reading a bucket of eight
touches four lines of cache, not eight nodes.

**A node is a place and an id.** Places (rows of ``nodes``) are used again when a session ends, ids
never are; a contact names both. It is up if its place is, under that id: two reads, no search, and
the tables of the living are all the tables there are.

**Pools.** Calls and operations come and go by the thousand a second. Their rows are reused through
a stack of free ones. A kernel cannot allocate, so :func:`simulations.message.loop.advance` returns
when a pool runs low, and its caller makes all of them larger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np

from simulations.message.parts import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]
    Row: TypeAlias = Any
    """A row of a record array: numba gives its fields types, mypy cannot."""


def _record(**fields: str) -> np.dtype[Any]:
    return np.dtype(list(fields.items()), align=True)


NODE: Final = _record(
    # Who it is, and how long.
    id="u8",
    ends="f8",  # when its session ends
    begun="f8",
    lives="i8",  # sessions at this place so far: the counter of its dice
    alive="i8",
    nat="i8",  # how it is connected: simulations.latency.Nat
    # Timing.
    mean="f8",  # of round trips; below 0 before the first
    spread="f8",
    slowest="f8",
    peak="f8",
    count="i8",
    # RoutingTable.
    depth="i8",  # buckets
    known="i8",  # contacts
    due_buckets="f8",
    due_contacts="f8",
    # Strangers, Conductor.
    pings="i8",
    background="i8",
    # Upkeep.
    wakes_at="f8",
    neighbourhood="f8",
    delay="f8",
    table_rest="f8",
    table_again="f8",
    checked="f8",  # when the first check may be repeated
    stores_rest="f8",
    holding="i8",  # records
    far="i8",  # buckets to refresh after joining
)

BUCKET: Final = _record(touched="f8", members="i8", bad="i8", spares="i8")

CONTACT: Final = _record(
    id="u8",
    heard="f8",
    slot="i4",
    rtt="f4",
    again="f4",  # not to be checked before
    failures="i4",
)

SPARE: Final = _record(id="u8", heard="f8", slot="i4", rtt="f4")

NAMED: Final = _record(id="u8", slot="i8")
"""A contact as an answer names it."""

TRIED: Final = _record(id="u8", when="f8")

CALL: Final = _record(
    id="u8",  # of whom it goes to
    owner_id="u8",
    target="u8",  # what it asks about
    sent="f8",
    dead_at="f8",
    answer_at="f8",  # infinity if no answer will come
    serial="i8",  # of the operation that made it
    owner="i8",
    to="i8",
    op="i8",  # below 0: a ping
    request="i8",
    record="i8",
    passed="i8",
    events="i8",  # of it in the heap; its row is free when there is none
    names="i8",  # contacts in the answer
    holds="i8",  # whether the answerer has the record
)

OP: Final = _record(
    target="u8",
    owner_id="u8",
    owing="u8",  # who was asked about the edge
    point="u8",  # what they were asked about
    started="f8",
    serial="i8",  # 0 when the row is free
    owner="i8",
    kind="i8",
    record="i8",
    known="i8",  # candidates
    waiting="i8",
    slow="i8",
    asked="i8",
    answered="i8",
    failed="i8",
    requests="i8",
    silent="i8",  # candidates that were silent
    questions="i8",  # left to ask about the edge
    owes="i8",
    writing="i8",  # writes that were not answered
    holders="i8",
    stopped="i8",
)

CANDIDATE: Final = _record(away="u8", slot="i4", state="u1", hops="u1", silent="u1", write="u1")

HELD: Final = _record(record="i8", renewed="f8", replicate="f8")

RECORD: Final = _record(
    key="u8",
    publisher_id="u8",
    publisher="i8",
    provided="i8",
    anybody="i8",
    copies="i8",
    period="f8",
)

MOMENT: Final = _record(time="f8", serial="i8", kind="i4", index="i4")

LOOKUP: Final = _record(
    time="f8",
    latency="f8",
    found_closest="f4",
    source="u4",
    hops="u2",
    requests="u2",
    timeouts="u2",
    kind="u1",
    success="u1",
)

SAMPLE: Final = _record(
    time="f8",
    live="i8",
    contacts="i8",
    stale="i8",
    bad="i8",
    requests="i8",
    answers="i8",
    names="i8",
    events="i8",
)


class Rules(NamedTuple):
    """The numbers of a :class:`dht.core.policy.Policy`; seconds, and counts."""

    k: int
    alpha: int
    beta: int
    max_failures: int
    questionable_after: float
    refresh_every: float
    record_lifetime: float
    provider_lifetime: float
    replicate_every: float
    short_floor: float
    short_initial: float
    short_ceiling: float
    long_floor: float
    long_initial: float
    long_ceiling: float
    forget_after: float


class Habits(NamedTuple):
    """What nodes do, as numbers: sessions, links, traffic.

    Attributes:
        churn: How sessions end: one of those below.
        law: Kind of the session law.
        law_a: Its first number.
        law_b: Its second.
        absence: Kind of the law of absences, if nodes return.
        absence_a: Its first number.
        absence_b: Its second.
        latency: Kind of the latency model.
        latency_a: Its first number.
        latency_b: Its second.
        loss: Share of messages lost.
        restricted: Share of nodes behind a NAT that lets in whom they spoke to.
        symmetric: Share behind one that also hides them from each other.
        lookups: Lookups a node makes in a second, on average.
        span: Seconds over which ``lookups`` of the whole network are spread evenly, instead; 0: no.
        gets: Reads of one of the records that a node makes in a second.
        sample_every: Seconds between two samples.
    """

    churn: int
    law: int
    law_a: float
    law_b: float
    absence: int
    absence_a: float
    absence_b: float
    latency: int
    latency_a: float
    latency_b: float
    loss: float
    restricted: float
    symmetric: float
    lookups: float
    span: float
    gets: float
    sample_every: float


# How sessions end (Habits.churn).
NEVER: Final = 0
REPLACED: Final = 1
"""Who leaves is replaced at once by a node with a fresh id."""
RETURNING: Final = 2
"""Who leaves comes back after a while, with its id and what it knew."""
TRACED: Final = 3
"""As measured."""


class World(NamedTuple):
    """Everything there is. Shapes: N places, B buckets, k, C candidates, S records a node."""

    rules: Rules
    habits: Habits
    nodes: Array  # [N]
    buckets: Array  # [N, B]
    contacts: Array  # [N, B, k]
    spares: Array  # [N, B, k]
    tried: Array  # [N, TRIED_PLACES]
    held: Array  # [N, S]
    records: Array  # [R]
    copies: Array  # [samples, R]: live holders of each record
    sessions: Array  # [T, 2]: sessions that are given, by start
    visitors: Array  # [T]: the place of each
    spots: Array  # [N or 0, 2]: where nodes lie, for latencies
    standing: Array  # [N]: the live ones that everybody reaches, by id
    scratch: Array  # [2 k]: contacts named
    nearest: Array  # [k]: distances
    calls: Array
    closer: Array  # [calls, k]
    free_calls: Array
    ops: Array
    ranked: Array  # [ops, C]
    free_ops: Array
    todo: Array  # operations to be driven before the next moment
    near: Array  # heap of moments soon
    far: Array  # heap of moments far off
    rows: Array
    samples: Array
    clock: Array  # [1]
    tally: Array  # counters, numbered below
    seeds: Array  # of the dice, by stream, numbered below
    thrown: Array  # how often each was thrown


# Counters.
NEAR: Final = number(0)
FAR: Final = number(1)
SERIAL: Final = number(2)
FREE_CALLS: Final = number(3)
FREE_OPS: Final = number(4)
OPS: Final = number(5)
STANDING: Final = number(6)
ROWS: Final = number(7)
SAMPLES: Final = number(8)
EVENTS: Final = number(9)
REQUESTS: Final = number(10)
ANSWERS: Final = number(11)
FAILURES: Final = number(12)
LIVE: Final = number(13)
VISITORS: Final = number(14)
NAMES: Final = number(15)
"""Contacts named in answers."""
ABANDONED: Final = number(16)
"""Calls whose asker left before their end."""
CROWDED: Final = number(17)
"""Records that found no row in ``held``."""
JOINS: Final = number(18)
LEAVES: Final = number(19)
TODO: Final = number(20)
LOOKUPS: Final = number(21)
COUNTERS: Final = 22

# Streams of chance: one for each thing that a study may change without touching the others.
SESSIONS: Final = number(0)
LINKS: Final = number(1)
TRAFFIC: Final = number(2)
UPKEEP: Final = number(3)
GATES: Final = number(4)
STREAMS: Final = 5

NO_RECORD: Final = number(-1)
"""The record of operations that are about none."""
ALL: Final = number(0)
"""The index of moments that belong to no node."""

TRIED_PLACES: Final = 64
"""Strangers a node remembers for a minute. dht.core remembers 4096 addresses; who is forgotten
here because another fell on the same place is pinged once more, if there is room for it at all."""
