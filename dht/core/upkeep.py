"""What a node does unasked: the slow heartbeat that keeps table, stores and promises true.

Everything here could be a loop of ``sleep(period)`` per task, and in most Kademlias is. Instead
there is one question, ``due(now)``, and one answer to when to ask it again, ``next_deadline()``:
a shell sleeps in between, a simulator jumps. The duties are

- **refresh** (Maymounkov & Mazières 2002, section 2.3): a random walk into each bucket that saw no
  lookup for ``policy.refresh_every``, and into our own neighbourhood. The latter goes by a clock of
  its own: the last bucket changes often, so it never looks stale, while being up to date about our
  nearest is what decides whether we hold the records that are ours to hold;
- **checks** of contacts not heard from for ``policy.questionable_after`` (BEP 5), by a ping;
- **promises**: records are published again every ``policy.republish_every``, announcements every
  ``policy.reprovide_every``;
- **replication** of records that nobody published for too long (see :mod:`dht.core.records`);
- **expiry** of records and providers.

**Jitter.** Nodes started together (a testnet, a data centre after a power cut) would do all this in
step for ever. So each period is drawn within 10 % of its length, anew every time, and the table is
examined with a delay of up to 10 %: delayed only, since nobody can ask it about the future.

**Bounds.** One call returns a few jobs of each kind. A node that wakes from a laptop's sleep with
ten thousand things overdue does them at a steady pace, a handful a second, instead of all in one
burst that its own timeouts could not survive. What was returned counts as begun: it comes back only
when it is due again.

**Deadlines.** After ``due(now)``, ``next_deadline() > now`` holds: either nothing is left, or a
rest was imposed. Promises are kept to the moment. Table and stores change with every packet, and
waking for each entry that expires would mean a wake-up per entry; they are examined at most every
hundredth of their period, which is well inside the jitter.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeAlias

from dht.core.agenda import Agenda
from dht.core.messages import Record, message

if TYPE_CHECKING:
    from random import Random

    from dht.core.commands import Promise
    from dht.core.effects import Change
    from dht.core.keys import Key
    from dht.core.messages import Contact
    from dht.core.policy import Policy
    from dht.core.providers import ProviderStore
    from dht.core.records import RecordStore
    from dht.core.table import RoutingTable

JITTER: Final = 0.1
GRAIN: Final = 0.01
"""Table and stores are examined no more often than this part of their period."""
GRAIN_CEILING: Final = 60.0
"""And no less often than once a minute when something is due, however long the periods are."""
RETRY: Final = 0.1
"""A check left without consequence, or a promise that found no holder, is tried again after this
part of its period: six minutes for a record, so that a node that was offline catches up soon."""

BREATH: Final = 1.0
"""Seconds between two batches of a backlog."""
CHECKS_PER_BATCH: Final = 16
"""Pings are cheap: a table of 160 is checked in ten seconds."""
WALKS_PER_BATCH: Final = 4
"""Refreshing, publishing and handing on are walks of some 30 requests each: at most 4 of each a
second make 360 requests a second, a tenth of what a node answers under moderate load."""
EXPIRIES_PER_BATCH: Final = 1000
"""Of each store. Some milliseconds of work and one transaction, so that a flood that expires
together does not stall the datagrams; 100,000 entries are gone in under two minutes."""


@message
class Refresh:
    """Walk towards ``target`` to learn who lives there."""

    target: Key


@message
class Check:
    """Ping ``contact``, which was silent for long."""

    contact: Contact


@message
class Republish:
    """Publish (or announce) what was promised. Tell :meth:`Upkeep.missed` if nobody took it."""

    promise: Promise


@message
class Replicate:
    """Hand ``record`` on to those that are now the closest and lack it."""

    record: Record


@message
class Expired:
    """These left the stores: make it durable."""

    changes: tuple[Change, ...]


Job: TypeAlias = Refresh | Check | Republish | Replicate | Expired


class Upkeep:
    """Knows what is due. Does nothing itself, except for dropping what has expired."""

    __slots__ = (
        "_checked",
        "_delay",
        "_neighbourhood",
        "_own",
        "_policy",
        "_promised",
        "_promises",
        "_promises_rest",
        "_providers",
        "_records",
        "_rng",
        "_stores_rest",
        "_table",
        "_table_again",
        "_table_rest",
    )

    def __init__(
        self,
        table: RoutingTable,
        records: RecordStore,
        providers: ProviderStore,
        policy: Policy,
        rng: Random,
    ) -> None:
        self._table = table
        self._records = records
        self._providers = providers
        self._policy = policy
        self._rng = rng
        self._promises: dict[int, Promise] = {}
        self._promised: Agenda[int] = Agenda()
        # Contacts whose check was begun, until it may be begun again.
        self._checked: Agenda[Key] = Agenda()
        self._own = table.own
        # The neighbourhood's clock stands still while there is nobody to ask.
        self._neighbourhood = math.inf
        self._delay = self._draw_delay()
        # No duty of a kind before its rest is over.
        self._promises_rest = self._stores_rest = self._table_rest = -math.inf
        # When to go on with a backlog the table will not mention again.
        self._table_again = math.inf

    def promise(self, promise: Promise) -> None:
        """Keep ``promise`` from its ``due`` on; one of the same number is replaced."""
        self._promises[promise.promise] = promise
        self._promised.set(promise.promise, promise.due)

    def withdraw(self, promise_id: int) -> None:
        """Stop keeping a promise, if it is one."""
        self._promises.pop(promise_id, None)
        self._promised.drop(promise_id)

    def missed(self, promise_id: int, now: float) -> None:
        """Nobody took what was promised: try again soon rather than a whole period later."""
        promise = self._promises.get(promise_id)
        if promise is not None:
            self._promised.set(promise_id, now + self._jittered(RETRY * self._period(promise)))

    def due(self, now: float) -> list[Job]:
        """What to do now, a bounded number of jobs; each counts as begun."""
        self._watch_neighbourhood(now)
        jobs: list[Job] = []
        if self._promises_deadline() <= now:
            jobs += self._republish(now)
        if self._table_deadline() <= now:
            jobs += self._look_at_table(now)
        if self._stores_deadline() <= now:
            jobs += self._look_at_stores(now)
        return jobs

    def next_deadline(self) -> float:
        """When ``due`` will next have something to do; infinity if only a packet can change that.

        In the past if that moment has come already, minus infinity included.
        """
        # Asked after nearly every message, hence the early ends: whatever has rest until later
        # than what was found so far cannot come before it.
        found = self._table_deadline()
        if self._promises:
            found = min(found, self._promises_deadline())
        if found <= self._stores_rest:
            return found
        return min(found, self._stores_deadline())

    # Promises.

    def _promises_deadline(self) -> float:
        return max(self._promised.next(), self._promises_rest)

    def _republish(self, now: float) -> list[Job]:
        # Who promised more than that pace can keep gets the pace that keeps it twice over.
        shortest = min(self._policy.republish_every, self._policy.reprovide_every)
        batch = WALKS_PER_BATCH + int(2 * BREATH * len(self._promises) / shortest)
        begun = [self._promises[each] for each in self._promised.ready(now, batch)]
        for promise in begun:
            self._promised.set(promise.promise, now + self._jittered(self._period(promise)))
        if self._promised.next() <= now:
            self._promises_rest = now + BREATH
        return [Republish(promise) for promise in begun]

    def _period(self, promise: Promise) -> float:
        kept = isinstance(promise.what, Record)
        return self._policy.republish_every if kept else self._policy.reprovide_every

    # The routing table.

    def _table_deadline(self) -> float:
        if self._table.own != self._own:
            return self._table_rest  # a new neighbourhood is looked at without delay
        seen = self._table.next_due() + self._delay
        own = min(self._checked.next(), self._neighbourhood, self._table_again)
        return max(min(seen, own), self._table_rest)

    def _watch_neighbourhood(self, now: float) -> None:
        """Start, stop or hurry the neighbourhood's clock as the table and our key require."""
        if not self._table:
            self._neighbourhood = math.inf
        elif self._table.own != self._own:
            # A new key has a neighbourhood we know nothing about.
            self._neighbourhood = now
        elif self._neighbourhood == math.inf:
            self._neighbourhood = now + self._jittered(self._policy.refresh_every)
        self._own = self._table.own

    def _look_at_table(self, now: float) -> list[Job]:
        checks, more_checks = self._checks(now)
        walks, more_walks = self._refreshes(now)
        backlog = more_checks or more_walks
        periods = (self._policy.refresh_every, self._policy.questionable_after)
        self._table_rest = now + (BREATH if backlog else _grain(*periods))
        self._table_again = self._table_rest if backlog else math.inf
        self._delay = self._draw_delay()
        return checks + walks

    def _checks(self, now: float) -> tuple[list[Job], bool]:
        """Checks to begin now, and whether more are waiting."""
        for key in self._checked.ready(now):
            self._checked.drop(key)
        silent = self._table.questionable(now - self._delay)
        waiting = [contact for contact in silent if contact.key not in self._checked]
        begun = waiting[:CHECKS_PER_BATCH]
        # One moment for all of a batch: most will have answered, so it is mostly a look in vain.
        again = now + self._jittered(RETRY * self._policy.questionable_after)
        for contact in begun:
            self._checked.set(contact.key, again)
        return [Check(contact) for contact in begun], len(waiting) > len(begun)

    def _refreshes(self, now: float) -> tuple[list[Job], bool]:
        """Walks to begin now, and whether more are waiting."""
        targets: list[Key] = []
        if self._neighbourhood <= now:
            targets.append(self._table.own)
            self._neighbourhood = now + self._jittered(self._policy.refresh_every)
            self._table.touched(self._table.own, now)
        stale = self._table.stale(now - self._delay)
        for index in stale[:WALKS_PER_BATCH]:
            target = self._table.refresh_target(index, self._rng)
            self._table.touched(target, now)
            targets.append(target)
        return [Refresh(target) for target in targets], len(stale) > WALKS_PER_BATCH

    def _draw_delay(self) -> float:
        """How long after something is due in the table we look: drawn anew after each look."""
        period = min(self._policy.refresh_every, self._policy.questionable_after)
        return self._rng.uniform(0.0, JITTER) * period if period < math.inf else 0.0

    # The stores.

    def _stores_deadline(self) -> float:
        return max(min(self._records.next_due(), self._providers.next_due()), self._stores_rest)

    def _look_at_stores(self, now: float) -> list[Job]:
        changes = (
            *self._records.expire(now, EXPIRIES_PER_BATCH),
            *self._providers.expire(now, EXPIRIES_PER_BATCH),
        )
        records = self._records.due_for_replication(now, WALKS_PER_BATCH)
        for record in records:
            self._records.replicated(record.key, now)
        policy = self._policy
        periods = (policy.record_lifetime, policy.provider_lifetime, policy.replicate_every)
        backlog = min(self._records.next_due(), self._providers.next_due()) <= now
        self._stores_rest = now + (BREATH if backlog else _grain(*periods))
        jobs: list[Job] = [Replicate(record) for record in records]
        return [Expired(changes), *jobs] if changes else jobs

    # Chance.

    def _jittered(self, period: float) -> float:
        return period * self._rng.uniform(1.0 - JITTER, 1.0 + JITTER)


def _grain(*periods: float) -> float:
    """The rest between two looks at things with these periods."""
    return min(GRAIN * min(periods), GRAIN_CEILING)
