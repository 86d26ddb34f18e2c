"""Writes after a walk, step by step: who is written to, and who instead when that fails."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from dht.core.calls import Pending
from dht.core.keys import Key
from dht.core.lookup import Lookup
from dht.core.messages import (
    Announce,
    Answer,
    Contact,
    Get,
    Provider,
    Put,
    Record,
    Refusal,
    Request,
)
from dht.core.operations import Errand
from dht.core.region import RegionWalk
from dht.core.writing import Publishing, Writing, providing
from tests.strategies import AMINO, MAINLINE, Network

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dht.core.policy import Policy, StoringRule

Asks = list[tuple[Contact, Request]]


class Stage:
    """A writing operation over ``count`` contacts, and the hand that answers it."""

    def __init__(
        self,
        network: Network = MAINLINE,
        count: int = 12,
        record: Record | None = None,
        *,
        missing_only: bool = False,
        region: int | None = None,
        storing: StoringRule | None = None,
    ) -> None:
        self.network = network
        self.record = record or network.records.immutable(b"v")
        crowd = network.crowd(count, Random(7))
        self.ranked = sorted(crowd, key=lambda c: c.key ^ self.record.key)
        key, policy = self.record.key, replace(network.policy, storing=storing)
        walk = Lookup(key, policy, crowd) if region is None else None
        walk_region = walk or RegionWalk(key, policy, crowd, region or 0)
        errand = Errand(1, walk_region, policy, 0.0)
        self.writing = Publishing(errand, self.record, missing_only=missing_only, region=region)

    def pending(self, contact: Contact, request: Request) -> Pending:
        return Pending(1, contact.endpoint, contact, request, self.writing, 0.0, 1.0)

    def answer(self, asks: Asks, answer: Answer) -> None:
        for contact, request in asks:
            self.writing.answered(self.pending(contact, request), contact, answer, 1.0)

    def walk(self, answer: Answer = Answer(ticket=b"t")) -> Asks:  # noqa: B008
        """Answer reads until the first writes come; return those."""
        while True:
            asks = self.writing.next()
            if not asks or isinstance(asks[0][1], Put | Announce):
                return asks
            self.answer(asks, answer)

    def refuse(self, asks: Iterable[tuple[Contact, Request]], code: int) -> None:
        for contact, request in asks:
            self.writing.refused(self.pending(contact, request), Refusal(code, "no"))


def whom(asks: Asks) -> list[Contact]:
    return [contact for contact, _ in asks]


def test_the_k_closest_are_written_to_at_once_with_their_tickets() -> None:
    stage = Stage()
    writes = stage.walk()
    assert whom(writes) == stage.ranked[:8]
    assert all(request == Put(stage.record, b"t") for _, request in writes)
    assert stage.writing.next() == []
    assert not stage.writing.finished
    stage.answer(writes, Answer())
    assert stage.writing.finished
    assert list(stage.writing.evidence(2.0).holders) == stage.ranked[:8]


def test_a_contact_that_gives_no_ticket_is_passed_over() -> None:
    stage = Stage()
    asks = stage.writing.next()
    stage.answer(asks[:1], Answer())
    stage.answer(asks[1:], Answer(ticket=b"t"))
    writes = stage.walk()
    assert whom(writes) == stage.ranked[1:9]


def test_a_contact_that_lets_a_write_fail_is_replaced_by_the_next() -> None:
    for fail in (202, None):
        stage = Stage()
        writes = stage.walk()
        contact, request = writes[0]
        if fail is None:
            stage.writing.failed(stage.pending(contact, request))
        else:
            stage.refuse(writes[:1], fail)
        more = stage.walk()
        assert whom(more) == [stage.ranked[8]]
        stage.answer(writes[1:] + more, Answer())
        assert stage.writing.finished
        assert len(stage.writing.evidence(1.0).holders) == 8


def test_a_record_refused_for_what_it_is_goes_to_nobody_else() -> None:
    for code in (205, 206, 207, 301, 302):
        stage = Stage()
        writes = stage.walk()
        stage.refuse(writes, code)
        assert stage.writing.next() == []
        assert stage.writing.finished
        evidence = stage.writing.evidence(1.0)
        assert evidence.holders == ()
        assert {refusal.code for _, refusal in evidence.refusals} == {code}


def test_a_write_acknowledged_late_is_one_copy_more() -> None:
    stage = Stage()
    writes = stage.walk()
    stage.writing.failed(stage.pending(*writes[0]))
    more = stage.walk()
    stage.answer(writes + more, Answer())
    assert len(stage.writing.evidence(1.0).holders) == 9


def test_a_reader_that_fails_or_refuses_is_not_waited_for() -> None:
    stage = Stage()
    asks = stage.writing.next()
    stage.writing.failed(stage.pending(*asks[0]))
    stage.refuse(asks[1:2], 204)
    stage.answer(asks[2:], Answer(ticket=b"t"))
    writes = stage.walk()
    assert whom(writes) == stage.ranked[2:10]


def test_holders_replicate_only_to_those_who_miss_it() -> None:
    for record, has in (
        (MAINLINE.records.immutable(b"v"), None),
        (MAINLINE.records.signed(b"v", 4), 4),
        (MAINLINE.records.signed(b"v", 4), 5),
    ):
        stage = Stage(record=record, missing_only=True)
        asks = stage.writing.next()
        having = Answer(ticket=b"t", record=None if has else record, seq=has)
        stage.answer(asks[:3], having)
        stage.answer(asks[3:], Answer(ticket=b"t"))
        assert whom(stage.walk()) == stage.ranked[3:8]


def test_nothing_is_written_when_everyone_has_it() -> None:
    stage = Stage(missing_only=True)
    assert stage.walk(Answer(ticket=b"t", record=stage.record)) == []
    assert stage.writing.finished


def test_a_proven_newer_version_calls_the_writes_off_and_a_claim_does_not() -> None:
    old, new = (MAINLINE.records.signed(v, seq) for v, seq in ((b"old", 1), (b"new", 2)))
    stage = Stage(record=old)
    assert stage.walk(Answer(ticket=b"t", record=new, seq=2)) == []
    assert stage.writing.finished
    assert {r.code for _, r in stage.writing.evidence(1.0).refusals} == {302}
    other = MAINLINE.records.signed(b"new", 2, salt=b"other")
    for claim in (replace(new, signature=b"forged"), other, replace(new, value=b"x" * 2000), None):
        stage = Stage(record=old)
        assert len(stage.walk(Answer(ticket=b"t", record=claim, seq=2))) == 8


def test_stopping_ends_it_in_any_phase() -> None:
    stage = Stage()
    stage.walk()
    stage.writing.stop()
    assert stage.writing.finished
    assert stage.writing.next() == []


def test_without_tickets_the_closest_known_are_written_to_unasked() -> None:
    stage = Stage(AMINO, 30)
    writes = stage.walk(Answer())
    assert whom(writes) == stage.ranked[:20]
    assert all(request == Put(stage.record) for _, request in writes)


class OddOnes:
    """Every second of those found, said twice, and one whom nobody found."""

    def holders(self, target: Key, found: tuple[Contact, ...], policy: Policy) -> Iterable[Contact]:
        return [*found[1::2], *found[1::2], Contact(Key(target ^ 1), ("10.9.9.9", 9))]


def test_a_rule_of_ones_own_says_who_holds_it() -> None:
    stage = Stage(storing=OddOnes())
    writes = stage.walk(Answer(ticket=b"t"))
    assert len(whom(writes)) == len(set(whom(writes)))
    found = stage.writing.walker.closest(99)
    assert whom(writes) == list(found[1::2])
    # Who does not take it is found no longer: the rule chooses anew, and never without end.
    for _ in range(20):
        for contact, request in writes:
            stage.writing.failed(stage.pending(contact, request))
        writes = stage.writing.next()
    assert stage.writing.finished


def test_announcing_is_writing_too() -> None:
    crowd = MAINLINE.crowd(12, Random(7))
    key, provider = MAINLINE.policy.space.draw(Random(1)), Provider(("10.0.0.1", 5))
    errand = Errand(1, Lookup(key, MAINLINE.policy, crowd), MAINLINE.policy, 0.0)
    operation: Writing = providing(errand, key, provider)
    asks = operation.next()
    while not isinstance(asks[0][1], Announce):
        for contact, request in asks:
            call = Pending(1, contact.endpoint, contact, request, operation, 0.0, 1.0)
            operation.answered(call, contact, Answer(ticket=b"t"), 0.0)
        asks = operation.next()
    assert [request for _, request in asks] == [Announce(key, provider, b"t")] * 8
    # A refused announce lies in the contact: it is full, or our ticket too old.
    for contact, request in asks[:1]:
        call = Pending(1, contact.endpoint, contact, request, operation, 0.0, 1.0)
        operation.refused(call, Refusal(203, "bad token"))
    assert not isinstance(operation.next()[0][1], Announce)


def test_reading_for_a_ticket_asks_for_versions_after_ours() -> None:
    record = MAINLINE.records.signed(b"v", 9)
    ((_, request), *_) = Stage(record=record).writing.next()
    assert request == Get(record.key, 9, b"")


def test_a_member_of_the_region_that_fails_the_read_for_its_ticket_is_dropped() -> None:
    """Met on the way to another target, it was only asked there; now it gives no ticket."""
    stage = Stage(count=30, region=0)
    fate: dict[Contact, str] = {}
    written: set[Contact] = set()
    while not stage.writing.finished:
        for contact, request in stage.writing.next():
            call = stage.pending(contact, request)
            if isinstance(request, Put):
                written.add(contact)
                stage.writing.answered(call, contact, Answer(), 1.0)
            elif request is stage.writing.request and stage.writing.walker.finished:
                fate[contact] = "dropped"
                stage.writing.failed(call)
            elif contact not in fate and contact == stage.ranked[-1]:
                fate[contact] = "silent"
                stage.writing.failed(call)
            else:
                stage.writing.answered(call, contact, Answer(ticket=b"t"), 1.0)
    assert "dropped" in fate.values()
    assert not written & set(fate)
    assert len(written) >= 8
    assert set(stage.ranked) == written | set(fate)
