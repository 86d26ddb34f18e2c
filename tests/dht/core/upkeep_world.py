"""A node whose upkeep is watched: its table, its stores, and what became due when."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, TypeVar

from dht.core.commands import Promise
from dht.core.keys import Key
from dht.core.messages import Provider
from dht.core.providers import ProviderStore
from dht.core.records import RecordStore
from dht.core.table import RoutingTable
from dht.core.upkeep import (
    GRAIN,
    JITTER,
    Check,
    Job,
    Republish,
    Upkeep,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from dht.core.messages import Contact
    from tests.strategies import Network

HOUR = 3600.0
DAY = 24 * HOUR
QUARTER = 900.0
LATE = QUARTER * (1 + JITTER + GRAIN)
"""The latest moment at which something with a period of a quarter of an hour is begun."""
AnyJob = TypeVar("AnyJob", bound=Job)


class World:
    """A node's upkeep, and around it contacts that answer unless they are dead."""

    def __init__(self, network: Network, seed: int = 1) -> None:
        self.network = network
        policy = network.policy
        self.rng = Random(seed)
        self.table = RoutingTable(policy.space.draw(self.rng), policy)
        self.records = RecordStore(self.table.own, policy)
        self.providers = ProviderStore(self.table.own, policy)
        self.upkeep = Upkeep(self.table, self.records, self.providers, policy, Random(seed))
        self.dead: set[Key] = set()
        self.log: list[tuple[float, Job]] = []
        self.now = 0.0
        self.wakeups = 0

    def meet(self, count: int) -> None:
        for contact in self.network.crowd(count, self.rng):
            self.table.answered(contact, 0.1, self.now)

    def tick(self) -> list[Job]:
        """Do what is due, like an engine would; check what every call promises."""
        expected = self.upkeep.next_deadline() <= self.now
        jobs = self.upkeep.due(self.now)
        assert expected or not jobs, "a job before its deadline"
        assert self.upkeep.next_deadline() > self.now, "a shell would spin"
        assert self.upkeep.due(self.now) == [], "begun twice"
        for job in jobs:
            self.log.append((self.now, job))
            if isinstance(job, Check):
                self.ping(job.contact)
        return jobs

    def ping(self, contact: Contact) -> None:
        if contact.key in self.dead:
            self.table.failed(contact.key, self.now)
        else:
            self.table.answered(contact, 0.1, self.now)

    def sleep(self, until: float) -> None:
        """Sleep from deadline to deadline, as a shell does."""
        while (deadline := self.upkeep.next_deadline()) <= until:
            self.now = max(self.now, deadline)
            self.wakeups += 1
            self.tick()
        self.now = until

    def moments(
        self, kind: type[AnyJob], which: Callable[[AnyJob], bool] | None = None
    ) -> list[float]:
        return [
            now for now, job in self.log if isinstance(job, kind) and (which is None or which(job))
        ]

    def promise(self, number: int, due: float = 0.0) -> Promise:
        record = self.network.records.immutable(b"promise %d" % number)
        promise = Promise(number, record.key, record, due)
        self.upkeep.promise(promise)
        return promise

    def provide(self, number: int, due: float = 0.0) -> Promise:
        provider = Provider(self.network.endpoint(1 << 24))
        promise = Promise(number, Key(number), provider, due)
        self.upkeep.promise(promise)
        return promise

    def published(self, promise: Promise) -> list[float]:
        return self.moments(Republish, lambda job: job.promise is promise)

    def digest(self) -> str:
        return hashlib.sha256(repr(self.log).encode()).hexdigest()


def gaps(moments: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(moments)]
