"""Calls to endpoints instead of a walk: joining a network, and asking by hand.

A walk goes from contact to contact, and a contact has a key. At two moments there is only an
address: when we know nobody yet and join through whoever was named to us, and when a user wants
to hear what one node has to say. The key is then learnt from the answer, and an error, which in
Mainline carries none, shows only that somebody is there.

All endpoints are asked at once. They are few, half of a bootstrap list is often unreachable, and
asking them one after the other would add up their timeouts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dht.core.calls import Silence
from dht.core.effects import Evidence, Found

if TYPE_CHECKING:
    from dht.core.calls import Pending
    from dht.core.effects import Effect
    from dht.core.messages import Answer, Contact, Record, Refusal, Request
    from dht.core.policy import RecordRules


class Asking:
    """One request to each of some endpoints whose keys may be unknown.

    ``joining``: the first answer ends it, and a walk to our own key goes on in its place.
    """

    def __init__(
        self, number: int, rules: RecordRules, now: float, *, joining: bool = False
    ) -> None:
        self.id = number
        self._rules = rules
        self.joining = joining
        self.started = now
        self.requests = 0
        self._pending = 0
        self._stopped = False
        self._answered: list[Contact] = []
        self._refusals: list[tuple[Contact, Refusal]] = []
        self._refused = 0

    def sent(self) -> None:
        """One more request is under way."""
        self.requests += 1
        self._pending += 1

    @property
    def live(self) -> bool:
        """Somebody answered."""
        return bool(self._answered)

    @property
    def finished(self) -> bool:
        """Every request was answered or given up on."""
        return self._stopped or not self._pending

    def next(self) -> list[tuple[Contact, Request]]:
        """Nobody: the endpoints were all asked at the start."""
        return []

    def stop(self) -> None:
        """Wait no longer."""
        self._stopped = True

    def answered(self, call: Pending, contact: Contact, answer: Answer, now: float) -> list[Effect]:
        """Report who answered, and what it said that can be true."""
        self._settle(call)
        self._answered.append(contact)
        record = self._valid(contact, answer.record) if answer.record is not None else None
        # Contacts named in the answer are not reported: nobody has asked them yet.
        items = (contact, record, *answer.providers, answer.extra)
        return [Found(self.id, item, contact) for item in items if item is not None]

    def _valid(self, contact: Contact, record: Record) -> Record | None:
        refusal = self._rules.admit(record) or self._rules.verify(record)
        if refusal is not None:  # Noted as if it had been refused: the evidence names who lied.
            self._refusals.append((contact, refusal))
        return record if refusal is None else None

    def _settle(self, call: Pending) -> None:
        """One answer less to wait for, unless nobody waited for it any more."""
        if call.passed is not Silence.DEAD:
            self._pending -= 1

    def refused(self, call: Pending, refusal: Refusal) -> None:
        """Note the error; the contact is known only if it was before."""
        self._settle(call)
        self._refused += 1
        if call.contact is not None:
            self._refusals.append((call.contact, refusal))

    def slow(self, call: Pending) -> None:
        """Keep waiting: there is nobody else to ask."""

    def failed(self, call: Pending) -> None:
        """Give up on it."""
        self._pending -= 1

    def evidence(self, now: float) -> Evidence:
        """What was asked and answered."""
        answered = len(self._answered) + self._refused
        return Evidence(
            asked=self.requests,
            answered=answered,
            silent=self.requests - answered,
            requests=self.requests,
            closest=tuple(self._answered),
            holders=(),
            refusals=tuple(self._refusals),
            complete=self.live,
            started=self.started,
            ended=now,
        )
