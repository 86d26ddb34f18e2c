"""Asking endpoints without a walk."""

from __future__ import annotations

from dataclasses import replace

from dht.core.calls import Pending, Silence
from dht.core.direct import Asking
from dht.core.effects import Found
from dht.core.keys import Key
from dht.core.messages import Answer, Contact, Ping, Provider, Refusal, Samples
from tests.strategies import MAINLINE

CONTACT = MAINLINE.contact(5, 1 << 24)
RULES = MAINLINE.records


def call(asking: Asking, contact: Contact | None = None) -> Pending:
    return Pending(1, CONTACT.endpoint, contact, Ping(), asking, 0.0, 1.0)


def test_everything_an_answer_says_is_found() -> None:
    asking = Asking(3, RULES, 0.0)
    asking.sent()
    record = MAINLINE.records.immutable(b"v")
    provider, samples = Provider(CONTACT.endpoint), Samples((), 0, 1.0)
    answer = Answer(record=record, providers=(provider,), extra=samples)
    found = asking.answered(call(asking), CONTACT, answer, 1.0)
    assert found == [Found(3, item, CONTACT) for item in (CONTACT, record, provider, samples)]
    assert asking.finished
    assert asking.evidence(2.0).complete


def test_silence_and_refusals_end_it_without_success() -> None:
    asking = Asking(3, RULES, 0.0)
    for _ in range(3):
        asking.sent()
    asking.slow(call(asking))
    assert not asking.finished
    asking.failed(call(asking))
    asking.refused(call(asking), Refusal(201, "no"))
    assert not asking.finished
    asking.refused(call(asking, CONTACT), Refusal(202, "busy"))
    assert asking.finished
    evidence = asking.evidence(2.0)
    assert (evidence.asked, evidence.answered, evidence.silent) == (3, 2, 1)
    assert evidence.refusals == ((CONTACT, Refusal(202, "busy")),)
    assert not evidence.complete


def test_stopping_ends_it() -> None:
    asking = Asking(3, RULES, 0.0)
    asking.sent()
    asking.stop()
    assert asking.finished
    assert asking.next() == []


def test_a_late_answer_counts_and_is_not_subtracted_twice() -> None:
    asking = Asking(3, RULES, 0.0)
    for _ in range(3):
        asking.sent()
    late = call(asking)
    asking.failed(late)
    late.passed = Silence.DEAD
    assert asking.answered(late, CONTACT, Answer(), 5.0) == [Found(3, CONTACT, CONTACT)]
    asking.refused(late, Refusal(202, "no"))
    asking.failed(call(asking))
    assert not asking.finished  # the third is still awaited
    asking.failed(call(asking))
    assert asking.finished


def test_a_record_that_is_false_is_a_refusal_and_not_found() -> None:
    good = MAINLINE.records.signed(b"v", 1)
    for record, code in ((replace(good, signature=b"x"), 206), (replace(good, key=Key(5)), 203)):
        asking = Asking(3, RULES, 0.0)
        asking.sent()
        found = asking.answered(call(asking), CONTACT, Answer(record=record), 1.0)
        assert found == [Found(3, CONTACT, CONTACT)]
        assert [refusal.code for _, refusal in asking.evidence(2.0).refusals] == [code]
