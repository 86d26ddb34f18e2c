"""Requests under way, and what their silence means.

A request that gets no answer passes three moments. At the *short* timeout its slot goes to
another contact; at the *long* one nobody waits for it any more and the contact is held to be
dead; at the last one its answer would find no trace of it. Until that last moment an answer still
counts, because on a busy machine or a slow link "dead" is only a guess.

The first two adapt to observed round trips (:mod:`dht.core.timing`). Anchors that use fixed ones
need 2 to 30 s for a lookup among 20 % dead contacts.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol, cast

from dht.core.messages import Answer, Contact, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dht.core.effects import Effect
    from dht.core.messages import Endpoint, Origin, Request, Response
    from dht.core.policy import Timeouts
    from dht.core.timing import Timing


class Silence(Enum):
    """Which of its three moments a call has passed."""

    SLOW = "its slot is free"
    DEAD = "nobody waits for it"
    GONE = "it is forgotten"


class Owner(Protocol):
    """Who made a call and hears what came of it.

    After each of its calls is settled or slow, the engine asks its owner whom to ask next.
    """

    id: int
    requests: int

    @property
    def finished(self) -> bool:
        """It will ask nobody more and waits for nobody."""
        ...

    def next(self) -> list[tuple[Contact, Request]]:
        """Whom to ask what, now."""
        ...

    def answered(self, call: Pending, contact: Contact, answer: Answer, now: float) -> list[Effect]:
        """``contact`` answered."""
        ...

    def refused(self, call: Pending, refusal: Refusal) -> None:
        """The contact answered with an error."""
        ...

    def slow(self, call: Pending) -> None:
        """No answer yet; the slot is free."""
        ...

    def failed(self, call: Pending) -> None:
        """No answer, and nobody waits for one."""
        ...


@dataclass(slots=True)
class Pending:
    """A call that was sent and not yet answered or forgotten.

    ``contact`` is ``None`` where only an endpoint was known: a bootstrap address, a ping by hand.
    """

    id: int
    to: Endpoint
    contact: Contact | None
    request: Request
    owner: Owner
    sent: float
    dead_at: float
    passed: Silence | None = None

    @property
    def addressee(self) -> Contact:
        """The contact, where there is one: in every call that a walk or a check made."""
        return cast("Contact", self.contact)

    def answerer(self, origin: Origin) -> Contact | None:
        """Who answered; ``None`` if it is not who was asked, or nobody knows who it is."""
        expected = self.contact
        if origin.key is None or (expected is not None and expected.key == origin.key):
            return expected
        return None if expected is not None else Contact(origin.key, self.to)

    def settle(self, contact: Contact | None, response: Response, now: float) -> list[Effect]:
        """Tell the owner what came of it; ``contact`` is the answerer."""
        if contact is not None and isinstance(response, Answer):
            return self.owner.answered(self, contact, response, now)
        impostor = contact is None and self.contact is not None
        if isinstance(response, Refusal) and not impostor:
            self.owner.refused(self, response)
        elif self.passed is not Silence.DEAD:  # else it was told already
            self.owner.failed(self)
        return []


class Calls:
    """All pending calls of one engine, in the order in which they run out of patience."""

    __slots__ = ("_agenda", "_forget_after", "_last_id", "_pending", "_timing")

    def __init__(self, timing: Timing, timeouts: Timeouts) -> None:
        self._timing = timing
        self._forget_after = timeouts.forget_after
        self._pending: dict[int, Pending] = {}
        # One entry a call, for its next moment. Entries of closed calls are dropped when met.
        self._agenda: list[tuple[float, int]] = []
        self._last_id = 0

    def __len__(self) -> int:
        return len(self._pending)

    def open(
        self,
        to: Endpoint,
        contact: Contact | None,
        request: Request,
        owner: Owner,
        now: float,
        rtt: float | None,
    ) -> Pending:
        """Note that ``request`` goes out; ``rtt`` is what the contact is known to need."""
        short, long = self._timing.patience(rtt)
        self._last_id += 1
        call = Pending(self._last_id, to, contact, request, owner, now, now + long)
        self._pending[call.id] = call
        heapq.heappush(self._agenda, (now + short, call.id))
        return call

    def close(self, call_id: int) -> Pending | None:
        """Take the call out: it was answered. ``None`` if it is not pending."""
        return self._pending.pop(call_id, None)

    def due(self, now: float) -> Iterator[tuple[Pending, Silence]]:
        """Yield every moment that has passed by ``now``, in order."""
        while self._agenda and self._agenda[0][0] <= now:
            _, call_id = heapq.heappop(self._agenda)
            call = self._pending.get(call_id)
            if call is not None:
                yield call, self._pass(call)

    def _pass(self, call: Pending) -> Silence:
        match call.passed:
            case None:
                call.passed, then = Silence.SLOW, call.dead_at
            case Silence.SLOW:
                call.passed, then = Silence.DEAD, call.sent + self._forget_after
            case _:
                call.passed, then = Silence.GONE, math.inf
                del self._pending[call.id]
        if then < math.inf:
            heapq.heappush(self._agenda, (then, call.id))
        return call.passed

    def next_deadline(self) -> float:
        """When the next call runs out of patience; infinity if none does."""
        while self._agenda and self._agenda[0][1] not in self._pending:
            heapq.heappop(self._agenda)
        return self._agenda[0][0] if self._agenda else math.inf
