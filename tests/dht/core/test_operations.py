"""Operations that read: what they make of answers, and of what we hold ourselves."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from dht.core.calls import Pending
from dht.core.effects import Found
from dht.core.keys import Key
from dht.core.lookup import Lookup
from dht.core.messages import (
    Answer,
    Contact,
    Get,
    Provider,
    Providers,
    Record,
    Refusal,
    Sample,
    Samples,
    Scrape,
)
from dht.core.operations import (
    MAX_REFUSALS,
    Errand,
    Locating,
    Operation,
    Retrieving,
    Surveying,
    walking,
)
from dht.core.providers import ProviderStore
from dht.core.records import RecordStore
from tests.strategies import MAINLINE

POLICY = MAINLINE.policy
CROWD = MAINLINE.crowd(20, Random(7))
RECORDS = MAINLINE.records
OURSELVES = Contact(Key(1), None)


def errand(target: Key) -> Errand:
    return Errand(1, Lookup(target, POLICY, CROWD), POLICY, 0.0)


def tell(operation: Operation, answer: Answer) -> list[object]:
    """The items found in an answer of the next contact that is asked."""
    (contact, request), *_ = operation.next()
    call = Pending(1, contact.endpoint, contact, request, operation, 0.0, 1.0)
    effects = operation.answered(call, contact, answer, 1.0)
    return [effect.item for effect in effects if isinstance(effect, Found)]


def refuse(operation: Operation, contact: Contact) -> None:
    call = Pending(1, contact.endpoint, contact, operation.request, operation, 0.0, 1.0)
    operation.refused(call, Refusal(202, "busy"))


def stores() -> tuple[RecordStore, ProviderStore]:
    return RecordStore(Key(0), POLICY), ProviderStore(Key(0), POLICY)


def retrieving(record: Record) -> Retrieving:
    return Retrieving(errand(record.key), Get(record.key))


def test_a_plain_walk_finds_who_answers_and_recalls_nothing() -> None:
    walk = walking(errand(Key(9)), Key(9))
    assert walk.recall(OURSELVES, *stores()) == []
    (found,) = tell(walk, Answer())
    assert found in CROWD


def test_refusals_are_evidence_up_to_a_bound() -> None:
    walk = walking(errand(Key(9)), Key(9))
    for _ in range(MAX_REFUSALS + 10):
        refuse(walk, CROWD[0])
    assert len(walk.evidence(1.0).refusals) == MAX_REFUSALS


def test_a_stopped_operation_asks_nobody_and_hears_nobody() -> None:
    walk = walking(errand(Key(9)), Key(9))
    (contact, request), *_ = walk.next()
    walk.stop()
    assert walk.finished
    assert walk.next() == []
    call = Pending(1, contact.endpoint, contact, request, walk, 0.0, 1.0)
    assert walk.answered(call, contact, Answer(), 1.0) == []


def test_better_records_are_found_and_worse_ones_are_not() -> None:
    one, two, three = (RECORDS.signed(b"v%d" % seq, seq) for seq in (1, 2, 3))
    reading = retrieving(one)
    assert tell(reading, Answer(record=two)) == [two]
    assert tell(reading, Answer(record=two)) == []  # another holder of the same
    assert len(reading.evidence(1.0).holders) == 2
    assert tell(reading, Answer(record=one)) == []
    assert tell(reading, Answer(record=three)) == [three]
    assert len(reading.evidence(1.0).holders) == 1
    assert not reading.finished  # a newer one may come


def test_an_immutable_record_ends_the_search() -> None:
    record = RECORDS.immutable(b"v")
    reading = retrieving(record)
    assert tell(reading, Answer()) == []
    assert tell(reading, Answer(record=record)) == [record]
    assert reading.finished


def test_false_records_are_refused_in_the_evidence() -> None:
    good = RECORDS.signed(b"v", 1)
    reading = retrieving(good)
    for false in (
        RECORDS.immutable(b"of another key"),
        replace(good, value=b"x" * 2000),
        replace(good, signature=b"x"),
    ):
        assert tell(reading, Answer(record=false)) == []
    codes = [refusal.code for _, refusal in reading.evidence(1.0).refusals]
    assert codes == [203, 205, 206]


def test_what_we_hold_ourselves_is_recalled() -> None:
    records, providers = stores()
    record, key = RECORDS.immutable(b"v"), Key(9)
    reading, locating = retrieving(record), Locating(errand(key), Providers(key))
    assert reading.recall(OURSELVES, records, providers) == []
    assert locating.recall(OURSELVES, records, providers) == []
    records.put(record, 0.0)
    provider = Provider(CROWD[0].endpoint)
    providers.add(key, provider, 0.0)
    assert reading.recall(OURSELVES, records, providers) == [Found(1, record, OURSELVES)]
    assert reading.finished
    assert locating.recall(OURSELVES, records, providers) == [Found(1, provider, OURSELVES)]


def test_each_provider_is_found_once_and_each_scrape() -> None:
    key = Key(9)
    locating = Locating(errand(key), Providers(key, scrape=True))
    one, two = (Provider(contact.endpoint) for contact in CROWD[:2])
    scrape = Scrape(b"s", b"p")
    assert tell(locating, Answer(providers=(one,))) == [one]
    assert tell(locating, Answer(providers=(one, two), extra=scrape)) == [two, scrape]
    assert tell(locating, Answer(extra=Samples((), 0, 1.0))) == []  # not what was asked for
    assert tell(locating, Answer()) == []
    assert len(locating.evidence(1.0).holders) == 3


def test_samples_are_found_and_answers_without_are_passed_over() -> None:
    survey = Surveying(errand(Key(9)), Sample(Key(9)))
    samples = Samples((Key(5),), 1, 60.0)
    assert tell(survey, Answer()) == []
    assert tell(survey, Answer(extra=Scrape(b"", b""))) == []
    assert tell(survey, Answer(extra=samples)) == [samples]
    assert len(survey.evidence(1.0).holders) == 1
