"""The records a node holds for others: a bounded store that expires, evicts and replicates.

**Life.** A record lives for ``policy.record_lifetime`` after its last put (BEP 44: two hours).
Whoever wants it to live longer puts it again; the same version is accepted for that reason.

**Room.** At most ``policy.max_records``. Who leaves a full store is argued in
:mod:`dht.core.places`.

**Replication** (Maymounkov & Mazières 2002, section 2.5). Nodes leave, and others come that are
closer to a key than its holders. So each holder hands its records on to the nodes that are now the
closest. If all k holders did that every hour they would send k * k puts, but "when a node receives
a STORE RPC for a given pair, it assumes the RPC was also issued to the other k-1 closest nodes, and
thus the recipient will not republish the key-value pair in the next hour". So any put restarts the
replication clock, whoever sent it, and only the holder whose clock runs out first does the work.
(BEP 44's own suppression, not to write where the closest nodes already have the record, is made on
the way, where one sees what they have.)

For this the holders' clocks must differ. The paper asks for times that are "not exactly
synchronised"; we need no dice for it. Holders of a record agree with it in the *leading* bits of
their keys, and the last 16 bits of ``own XOR key`` are as good as random, different at every
holder, and the same in every run. Waiting periods lie between 1.1 and 1.3 times
``policy.replicate_every``: a living publisher republishes at up to 1.1 times its period, and as
long as one does, no holder has anything to do.

Replicating does not lengthen our own copy's life: only what another sends does. A record thus lives
on as long as two nodes care to hold it, and what only we hold ends with its lifetime.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from dht.core.agenda import Agenda
from dht.core.effects import Change, Erased, Held
from dht.core.messages import message
from dht.core.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dht.core.keys import Key
    from dht.core.messages import Endpoint, Record, Refusal
    from dht.core.policy import Policy

PATIENCE: Final = 1.1
"""Replication waits this many periods at least: the publisher's own jitter is 10 %."""

SPREAD: Final = 0.2
"""Holders' clocks are spread over this much of a period: 12 minutes of Mainline's hour, in which
the first holder's walk and puts (a few seconds) reach all others before their clocks run out."""

_DICE: Final = 0xFFFF


@message
class RecordStatistics:
    """What a record store holds and what it had to refuse since its start.

    Attributes:
        held: Records now.
        octets: The sizes of their values together.
        evicted: Records that left for better ones.
        refused: Newcomers that were worse than everything held.
        expired: Records that nobody put again in time.
    """

    held: int
    octets: int
    evicted: int
    refused: int
    expired: int


class RecordStore:
    """Records under their keys, at most ``policy.max_records`` of them."""

    __slots__ = (
        "_evicted",
        "_expired",
        "_octets",
        "_owed",
        "_own",
        "_places",
        "_policy",
        "_records",
        "_refused",
        "_replication",
    )

    def __init__(self, own: Key, policy: Policy) -> None:
        self._own = own
        self._policy = policy
        self._records: dict[Key, Record] = {}
        self._places = Places(own, policy.space, policy.max_records, policy.record_lifetime)
        self._replication: Agenda[Key] = Agenda()
        self._owed: list[Erased] = []
        self._octets = self._evicted = self._refused = self._expired = 0

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, key: Key) -> bool:
        return key in self._records

    def get(self, key: Key) -> Record | None:
        """The record of ``key``. May have expired since the last sweep, never long ago."""
        return self._records.get(key)

    def check(self, record: Record, cas: int | None) -> Refusal | None:
        """Why ``record`` may not be put, signatures aside; ``None`` if it may.

        ``cas`` has nothing to say where nothing is held: there is no version to compare.
        """
        refusal = self._policy.records.admit(record)
        held = self._records.get(record.key)
        if refusal is not None or held is None:
            return refusal
        return self._policy.records.supersede(held, record, cas)

    def put(self, record: Record, now: float, source: Endpoint | None = None) -> tuple[Change, ...]:
        """Hold ``record``, which the caller has checked and verified.

        Args:
            record: Takes the place of the record held under its key, if any.
            now: Its life and its replication clock begin here.
            source: Where it came from, to be charged for the place (see ``places``).

        Returns:
            ``Held`` first, then ``Erased`` for the record that had to leave, if one had to. Empty
            if the store is full of better ones: then nothing is held and the write is to be
            refused, since what is acknowledged must be kept.
        """
        payer = None if source is None else self._policy.contacts.subnet(source)
        changes: tuple[Change, ...] = (Held(record, now),)
        if record.key not in self._records:
            loser = self._places.loser(record.key, payer, now)
            if loser == record.key:
                self._refused += 1
                return ()
            if loser is not None:
                self._erase(loser)
                self._evicted += 1
                changes += (Erased(loser),)
        self._hold(record, now)
        self._places.take(record.key, payer, now)
        return changes

    def expire(self, now: float, limit: int | None = None) -> tuple[Change, ...]:
        """Drop what nobody put again in time, at most ``limit`` records of it."""
        # What was owed may have been put anew meanwhile: then it must not be erased from disk.
        owed = [erased for erased in self._owed if erased.key not in self._records]
        self._owed = []
        keys = self._places.expired(now, limit)
        for key in keys:
            self._erase(key)
        self._expired += len(keys)
        return (*owed, *map(Erased, keys))

    def due_for_replication(self, now: float, limit: int | None = None) -> list[Record]:
        """Records that nobody put for so long that we should, the longest waiting first.

        They stay due until :meth:`replicated` says that it was begun.
        """
        return [self._records[key] for key in self._replication.ready(now, limit)]

    def replicated(self, key: Key, now: float) -> None:
        """We begin to hand on the record of ``key``: its replication clock starts again."""
        if key in self._records:
            self._replication.set(key, now + self._wait(key))

    def next_due(self) -> float:
        """When ``expire`` or ``due_for_replication`` will next have something."""
        if self._owed:
            return -math.inf
        return min(self._places.next_expiry(), self._replication.next())

    def restore(self, held: Iterable[Held]) -> None:
        """Take back what an earlier life persisted; what is held already and newer stays.

        Records that find no room (the limit may have been lowered) or are past their time are
        reported as erased by the next ``expire``, so that the disk forgets them as well.
        """
        for old in sorted(held, key=lambda each: each.at):
            key = old.record.key
            newest = self._places.renewed(key)
            if newest is not None and newest >= old.at:
                continue
            changes = self.put(old.record, old.at)
            lost = [change for change in changes if isinstance(change, Erased)]
            self._owed += lost if changes else [Erased(key)]

    def rekey(self, own: Key) -> None:
        """Our own key is another now. Nothing is dropped; what is far now goes first when full."""
        self._own = own
        self._places.rekey(own)

    def statistics(self) -> RecordStatistics:
        """What is held, and what was lost so far."""
        counts = (self._evicted, self._refused, self._expired)
        return RecordStatistics(len(self._records), self._octets, *counts)

    def _hold(self, record: Record, now: float) -> None:
        held = self._records.get(record.key)
        self._octets += len(record.value) - (0 if held is None else len(held.value))
        self._records[record.key] = record
        self._replication.set(record.key, now + self._wait(record.key))

    def _erase(self, key: Key) -> None:
        self._octets -= len(self._records.pop(key).value)
        self._places.leave(key)
        self._replication.drop(key)

    def _wait(self, key: Key) -> float:
        """How long nobody may have put the record before we do. See the module's last theme."""
        dice = ((key ^ self._own) & _DICE) / (_DICE + 1)
        return self._policy.replicate_every * (PATIENCE + SPREAD * dice)
