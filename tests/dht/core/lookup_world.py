"""A simulated network for lookups: full Kademlia tables, random round trips, some nodes dead."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from heapq import heappop, heappush, nsmallest
from typing import TYPE_CHECKING, Any, cast

from dht.core.keys import Key, KeySpace
from dht.core.messages import Contact
from dht.core.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from random import Random

    from dht.core.messages import Endpoint
    from dht.core.walker import Walker

SPACE = KeySpace(160)


class Rules:
    """Endpoints are (host, port) strings or anything else; text before the last dot is a subnet.

    Other endpoints (plain numbers) are each an address of their own, exempt from subnet limits.
    """

    def address(self, endpoint: Endpoint) -> Hashable:
        return endpoint[0] if isinstance(endpoint, tuple) else endpoint

    def subnet(self, endpoint: Endpoint) -> Hashable | None:
        return str(endpoint[0]).rpartition(".")[0] if isinstance(endpoint, tuple) else None

    def acceptable(self, contact: Contact) -> bool:
        return not isinstance(contact.endpoint, tuple) or contact.endpoint[1] != 0

    def foreign(self, contact: Contact) -> bool:
        return False

    def preferred(self, contact: Contact) -> bool:
        return False


def make_policy(space: KeySpace = SPACE, **numbers: Any) -> Policy:
    """A policy for lookups: no lookup ever touches the record rules."""
    numbers.setdefault("beta", numbers.get("k", 8))
    return Policy("test", space, Rules(), cast("Any", None), **numbers)


def contact(key: int) -> Contact:
    return Contact(Key(key), key)


def contacts(*keys: int) -> list[Contact]:
    return [contact(key) for key in keys]


def keys(found: Iterable[Contact]) -> list[int]:
    return [each.key for each in found]


@dataclass
class World:
    """``size`` nodes with random keys; each knows up to k contacts of every bucket's range."""

    size: int
    k: int
    rng: Random
    dead_share: float = 0.0
    space: KeySpace = SPACE
    complete_knowledge: bool = False
    keys: list[Key] = field(default_factory=list)
    dead: set[Key] = field(default_factory=set)
    tables: dict[Key, list[Key]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = sorted({self.space.draw(self.rng) for _ in range(self.size)})
        self.dead = set(self.rng.sample(self.keys, int(self.size * self.dead_share)))

    def live(self) -> list[Key]:
        return [key for key in self.keys if key not in self.dead]

    def under(self, prefix: int, length: int) -> tuple[int, int]:
        """The slice of ``keys`` that begins with ``length`` bits of ``prefix``."""
        free = self.space.bits - length
        low = prefix >> free << free
        high = low + (1 << free)
        return bisect_left(self.keys, low), bisect_left(self.keys, high)

    def table(self, own: Key) -> list[Key]:
        """What ``own`` knows, drawn on first use."""
        if own not in self.tables:
            self.tables[own] = [key for key in self._draw_table(own) if key != own]
        return self.tables[own]

    def _draw_table(self, own: Key) -> list[Key]:
        if self.complete_knowledge:
            return self.keys
        known: list[Key] = []
        for index in range(self.space.bits):
            first, last = self.under(own, index)
            if last - first <= self.k:
                return known + self.keys[first:last]
            sibling = own ^ (1 << (self.space.bits - index - 1))
            first, last = self.under(sibling, index + 1)
            known += self.rng.sample(self.keys[first:last], min(self.k, last - first))
        return known

    def answer(self, asked: Key, target: Key) -> list[Contact]:
        """The k contacts closest to ``target`` that ``asked`` knows."""
        known = nsmallest(self.k, self.table(asked), key=lambda key: key ^ target)
        return [contact(key) for key in known]

    def seeds(self, own: Key, target: Key) -> list[Contact]:
        """What ``own`` starts from: twice k, since some of its k closest may be dead."""
        known = nsmallest(2 * self.k, self.table(own), key=lambda key: key ^ target)
        return [contact(key) for key in known]

    def truth(self, target: Key, n: int, own: Key | None = None) -> list[Key]:
        """The closest live nodes by brute force."""
        return nsmallest(n, (k for k in self.live() if k != own), key=lambda key: key ^ target)


@dataclass
class Run:
    """What driving a lookup to its end showed."""

    requests: int = 0
    elapsed: float = 0.0
    most_in_flight: int = 0
    asked: list[Key] = field(default_factory=list)
    named: set[Key] = field(default_factory=set)


@dataclass(frozen=True)
class Clock:
    """Round trips and timeouts of the simulated network."""

    rtt: Callable[[Random], float] = lambda rng: rng.uniform(0.5, 1.5)
    short: float = 2.0
    long: float = 4.0


def drive(
    walker: Walker,
    world: World,
    rng: Random,
    clock: Clock | None = None,
    reply: Callable[[Key, Key], Iterable[Contact] | None] | None = None,
) -> Run:
    """Run ``walker`` to its end on a virtual clock.

    ``reply(asked, target)`` overrides the world's honest answers; ``None`` means silence.
    """
    clock = clock or Clock()
    reply = reply or (lambda key, target: None if key in world.dead else world.answer(key, target))
    run = Run()
    heap: list[tuple[float, int, str, Key, tuple[Contact, ...]]] = []
    waiting: dict[Key, int] = {}  # which request of a contact holds a slot
    latest: dict[Key, int] = {}  # which request of a contact is not answered
    now = 0.0
    while not walker.finished:
        for each in walker.next():
            run.requests += 1
            run.asked.append(each.key)
            waiting[each.key] = latest[each.key] = run.requests
            answer = reply(each.key, walker.target)
            if answer is not None:
                away = now + clock.rtt(rng)
                heappush(heap, (away, run.requests, "answered", each.key, tuple(answer)))
            heappush(heap, (now + clock.short, run.requests, "slow", each.key, ()))
            heappush(heap, (now + clock.long, run.requests, "failed", each.key, ()))
        run.most_in_flight = max(run.most_in_flight, len(waiting))
        if walker.finished:
            break
        now, number, verb, key, closer = heappop(heap)
        if latest.get(key) != number:
            continue  # a timeout of a request that was answered
        waiting.pop(key, None)
        if verb == "answered":
            del latest[key]
            walker.answered(key, closer)
            run.named.update(each.key for each in closer)
        else:
            getattr(walker, verb)(key)
    run.elapsed = now
    return run
