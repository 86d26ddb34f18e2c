"""One engine by hand, step by step; and what liars and bad luck do to its bookkeeping."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

from dht.core import commands as do
from dht.core.effects import (
    Call,
    Changed,
    Effect,
    Finished,
    Foreign,
    Found,
    Held,
    Hosted,
    Kept,
    Persist,
    Reply,
)
from dht.core.engine import MAX_UNWRITTEN, Engine
from dht.core.keys import Key
from dht.core.messages import (
    Announce,
    Answer,
    Contact,
    FindNode,
    Get,
    Origin,
    Ping,
    Provider,
    Providers,
    Put,
    Refusal,
)
from dht.core.strangers import MAX_PINGS
from tests.dht.core.engine_world import joined
from tests.strategies import MAINLINE, Network

# One engine by hand.


def lone(network: Network = MAINLINE, **changes: object) -> Engine:
    policy = replace(network.policy, **changes)  # type: ignore[arg-type]
    return Engine(policy.space.draw(Random(5)), policy, Random(6))


def from_contact(contact: Contact, handle: object = "h", *, serves: bool = True) -> Origin:
    return Origin(contact.key, contact.endpoint, handle, serves=serves)


def stranger(network: Network = MAINLINE, index: int = 1) -> Contact:
    return network.spread(network.policy.space.draw(Random(index + 100)), index)


def replies(effects: list[object]) -> list[object]:
    return [e.response for e in effects if isinstance(e, Reply)]


def test_a_stranger_is_pinged_before_it_is_believed() -> None:
    engine, contact = lone(), stranger()
    effects = engine.receive(Ping(), from_contact(contact), 0.0)
    assert replies(list(effects)) == [Answer()]
    (call,) = [e for e in effects if isinstance(e, Call)]
    assert (call.to, call.request) == (contact.endpoint, Ping())
    assert len(engine.table) == 0
    engine.receive(Answer(), from_contact(contact, call.id), 0.1)
    assert contact.key in engine.table
    assert not [
        e for e in engine.receive(Ping(), from_contact(contact), 0.2) if isinstance(e, Call)
    ]


def test_a_contact_that_answers_with_another_key_is_thrown_out() -> None:
    engine, contact = lone(), stranger()
    (_, call) = engine.receive(Ping(), from_contact(contact), 0.0)
    assert isinstance(call, Call)
    engine.receive(Answer(), from_contact(contact, call.id), 0.1)
    liar = Contact(MAINLINE.policy.space.draw(Random(9)), contact.endpoint)
    effects = engine.command(do.Walk(1, contact.key), 1.0)
    (call,) = [e for e in effects if isinstance(e, Call)]
    engine.receive(Answer(), from_contact(liar, call.id), 1.1)
    assert contact.key not in engine.table
    assert liar.key not in engine.table


def test_what_a_liar_names_is_never_inserted_unseen() -> None:
    engine, contact = lone(), stranger()
    engine.command(do.Bootstrap(1, (contact.endpoint,)), 0.0)
    named = tuple(stranger(index=i) for i in range(2, 60))
    engine.receive(Answer(named), from_contact(contact, 1), 0.1)
    engine.tick(30.0)
    assert list(engine.table.contacts()) in ([contact], [])


def test_a_reply_to_a_write_waits_for_the_disk() -> None:
    engine, contact = lone(), stranger()
    record = MAINLINE.records.immutable(b"durable")
    (reply, *_) = engine.receive(Get(record.key), from_contact(contact), 0.0)
    assert isinstance(reply, Reply)
    assert isinstance(reply.response, Answer)
    put = Put(record, reply.response.ticket)
    (persist,) = [
        e for e in engine.receive(put, from_contact(contact, "w"), 0.0) if not isinstance(e, Call)
    ]
    assert isinstance(persist, Persist)
    assert persist.changes == (Held(record, 0.0),)
    assert engine.persisted(persist.id, 0.1) == [Reply("w", Answer())]
    assert engine.persisted(persist.id, 0.2) == []


def test_when_the_disk_is_far_behind_writers_are_told_so() -> None:
    engine, contact = lone(tickets=None), stranger()
    provider = Provider(contact.endpoint)
    for number in range(MAX_UNWRITTEN):
        key = MAINLINE.policy.space.draw(Random(number % 500))
        engine.receive(Announce(key, provider), from_contact(contact), 0.0)
    (reply, *_) = engine.receive(Announce(engine.own, provider), from_contact(contact), 0.0)
    assert isinstance(reply, Reply)
    assert isinstance(reply.response, Refusal)
    assert reply.response.code == 202


def test_a_wrong_ticket_and_a_spent_signature_budget_store_nothing() -> None:
    engine, contact = lone(), stranger()
    record = MAINLINE.records.signed(b"signed", 1)
    (bad,) = replies(list(engine.receive(Put(record, b"forged"), from_contact(contact), 0.0)))
    assert isinstance(bad, Refusal)
    assert bad.code == 203
    (answer,) = replies(list(engine.receive(Get(record.key), from_contact(contact), 0.0)))
    assert isinstance(answer, Answer)
    engine.verifications = 0
    put = Put(record, answer.ticket)
    (busy,) = replies(list(engine.receive(put, from_contact(contact), 0.0)))
    assert isinstance(busy, Refusal)
    assert busy.code == 202
    assert engine.records.get(record.key) is None
    engine.verifications = 1
    assert engine.receive(put, from_contact(contact), 0.0)
    assert engine.records.get(record.key) == record
    assert engine.verifications == 0
    # Republication of what was verified costs no signature check.
    assert not [r for r in replies(list(engine.receive(put, from_contact(contact), 0.0))) if r]


def test_a_restored_store_answers() -> None:
    engine, contact = lone(), stranger()
    record = MAINLINE.records.immutable(b"restored")
    key = MAINLINE.policy.space.draw(Random(3))
    provider = Provider(contact.endpoint)
    engine.command(do.Restore((Held(record, -10.0),), (Hosted(key, provider, -10.0),)), 0.0)
    (answer,) = replies(list(engine.receive(Get(record.key), from_contact(contact), 0.0)))
    assert isinstance(answer, Answer)
    assert answer.record == record
    (answer,) = replies(list(engine.receive(Providers(key), from_contact(contact), 0.0)))
    assert isinstance(answer, Answer)
    assert answer.providers == (provider,)


def test_rekeying_keeps_the_contacts() -> None:
    world = joined(MAINLINE, 20)
    engine = world.members[0].engine
    before = {c.key for c in engine.table.contacts()}
    engine.command(do.Rekey(MAINLINE.policy.space.draw(world.rng)), world.now)
    after = {c.key for c in engine.table.contacts()}
    assert after <= before
    assert len(after) >= min(8, len(before))


def test_related_engines_answer_for_each_other_and_hand_contacts_over() -> None:
    four, six = lone(family="n4"), lone(family="n6")
    four.relate(six)
    contact, asker = stranger(index=3), stranger(index=4)
    six.command(do.Learn((contact,)), 0.0)
    six.receive(Answer(), from_contact(contact, 1), 0.1)
    both = frozenset({"n4", "n6"})
    (answer,) = replies(list(four.receive(FindNode(four.own, both), from_contact(asker), 0.2)))
    assert answer == Answer((contact,))
    (answer,) = replies(list(four.receive(FindNode(four.own), from_contact(asker), 0.2)))
    assert answer == Answer()
    effects = four.command(do.Bootstrap(1, (asker.endpoint,)), 1.0)
    (call,) = [e for e in effects if isinstance(e, Call)]
    assert call.request == FindNode(four.own, both)
    foreign = Contact(contact.key, ("2001:db8::1", 6881))
    effects = four.receive(Answer((foreign,)), from_contact(asker, call.id), 1.1)
    assert Foreign((foreign,)) in effects


def test_stopping_an_operation_finishes_it_with_what_is_known() -> None:
    world = joined(MAINLINE, 20)
    member = world.members[3]
    member.command(do.Walk(999, MAINLINE.policy.space.draw(world.rng)))
    assert 999 not in member.finished
    member.command(do.Stop(999))
    assert not member.finished[999].complete
    member.command(do.Stop(12345))  # unknown: nothing happens


def test_a_call_that_could_not_be_sent_counts_as_silence() -> None:
    engine, contact = lone(), stranger()
    (call,) = engine.command(do.Ask(4, contact.endpoint, Ping()), 0.0)
    assert isinstance(call, Call)
    (finished,) = engine.failed(call.id, "unreachable", 0.0)
    assert finished.evidence.silent == 1  # type: ignore[union-attr]
    assert engine.failed(call.id, "unreachable", 0.0) == []


def test_asking_by_hand_reports_refusals_and_answers() -> None:
    world = joined(MAINLINE, 5)
    one, other = world.members[:2]
    evidence = world.do(one, lambda n: do.Ask(n, other.endpoint, Ping()))
    assert evidence.complete
    assert [f.item for f in world.found(one)] == [other.contact]
    other.liar = lambda request, origin: Refusal(202, "busy")
    evidence = world.do(one, lambda n: do.Ask(n, other.endpoint, Ping()))
    assert evidence.answered == 1


def test_an_idle_engine_never_asks_to_be_woken_in_the_past(network: Network) -> None:
    world = joined(network, 10)
    engine = world.members[0].engine
    world.run(world.now + 20)
    for _ in range(200):
        due = engine.next_deadline()
        assert due > world.now
        world.run(world.now + 60)


# What liars and bad luck do to the bookkeeping.


def calls(effects: list[Effect]) -> list[Call]:
    return [e for e in effects if isinstance(e, Call)]


def test_an_error_without_a_key_proves_nobody() -> None:
    """Mainline's errors name no sender; a name we have on hearsay is not believed for one."""
    engine, named = lone(), stranger()
    (call,) = calls(engine.command(do.Learn((named,)), 0.0))
    error = Origin(None, named.endpoint, call.id)
    assert engine.receive(Refusal(202, "busy"), error, 0.1) == []
    assert len(engine.table) == 0


def test_an_error_of_a_member_is_a_sign_of_life() -> None:
    engine, member = lone(questionable_after=100.0), stranger()
    (call,) = calls(engine.command(do.Learn((member,)), 0.0))
    engine.receive(Answer(), from_contact(member, call.id), 0.1)
    (call,) = calls(engine.command(do.Walk(1, member.key), 90.0))
    engine.receive(Refusal(202, "busy"), Origin(None, member.endpoint, call.id), 90.1)
    assert engine.table.questionable(150.0) == []
    assert engine.table.questionable(190.1) == [member]


def test_who_answers_by_hand_with_an_error_has_answered() -> None:
    engine, contact = lone(), stranger()
    (call,) = calls(engine.command(do.Ask(1, contact.endpoint, Ping()), 0.0))
    error = Origin(None, contact.endpoint, call.id)
    (finished,) = engine.receive(Refusal(202, "busy"), error, 0.1)
    assert isinstance(finished, Finished)
    assert (finished.evidence.answered, finished.evidence.silent) == (1, 0)


def test_an_answer_from_nobody_is_no_answer() -> None:
    engine, contact = lone(), stranger()
    (call,) = calls(engine.command(do.Ask(1, contact.endpoint, Ping()), 0.0))
    (finished,) = engine.receive(Answer(), Origin(None, contact.endpoint, call.id), 0.1)
    assert isinstance(finished, Finished)
    assert finished.evidence.silent == 1


def test_nothing_is_found_for_an_operation_that_is_over() -> None:
    engine, contact = lone(), stranger()
    (call,) = calls(engine.command(do.Ask(1, contact.endpoint, Ping()), 0.0))
    ended = [e for t in (1.0, 3.0) for e in engine.tick(t) if isinstance(e, Finished)]
    assert len(ended) == 1
    late = engine.receive(Answer(), from_contact(contact, call.id), 4.0)
    assert late == [Changed(contact, added=True)]  # measured and believed, but not reported
    assert engine.tick(20.0) == []


def test_an_answer_that_comes_late_does_not_end_the_wait_for_others() -> None:
    """Joining: the answer of the first, given up already, must not be subtracted twice."""
    engine = lone()
    first, second = stranger(index=1), stranger(index=2)
    one, two = calls(engine.command(do.Bootstrap(1, (first.endpoint, second.endpoint)), 0.0))
    engine.failed(one.id, "unreachable", 0.0)
    effects = engine.receive(Answer(), from_contact(second, two.id), 0.1)
    assert [e.item for e in effects if isinstance(e, Found)][:1] == [second]
    assert not [e for e in engine.tick(30.0) if isinstance(e, Found)]


def test_a_key_that_is_not_the_one_asked_for_is_told_once() -> None:
    """An impostor that answers late must not free a ping slot a second time."""
    engine, named = lone(), stranger()
    (call,) = calls(engine.command(do.Learn((named,)), 0.0))
    for moment in (1.0, 3.0):
        engine.tick(moment)  # slow, dead
    pings = engine._strangers._pings
    assert pings == 0
    impostor = Contact(Key(named.key ^ 1), named.endpoint)
    assert engine.receive(Answer(), from_contact(impostor, call.id), 4.0) == []
    assert engine._strangers._pings == 0
    assert len(engine.table) == 0


def test_slow_answers_cannot_raise_the_number_of_pings_in_flight() -> None:
    """A liar that answers every ping after its timeout once made room for two more each time."""
    engine = lone()
    crowd = [stranger(index=n) for n in range(1, 200)]
    flying = calls(engine.command(do.Learn(tuple(crowd)), 0.0))
    at = 0.0
    for _ in range(4):
        assert len(flying) <= MAX_PINGS
        late = {call.id: call for call in flying}
        at += 2.5
        flying = calls(engine.tick(at)) + calls(engine.tick(at + 0.01))
        by_endpoint = {contact.endpoint: contact for contact in crowd}
        for call in late.values():
            who = by_endpoint[call.to]
            flying += calls(engine.receive(Answer(), from_contact(who, call.id), at + 0.02))
    assert engine._strangers._pings >= 0


def test_a_promise_nobody_took_is_tried_again_soon() -> None:
    engine = lone()
    record = MAINLINE.records.immutable(b"kept")
    effects = engine.command(do.Promise(3, record.key, record, 0.0), 0.0)
    (kept,) = [e for e in effects if isinstance(e, Kept)]
    assert kept.evidence.holders == ()
    assert engine.next_deadline() <= engine.policy.republish_every * 0.11
    again = engine.tick(engine.next_deadline())
    assert [e.promise for e in again if isinstance(e, Kept)] == [3]


def test_what_a_restored_store_owes_is_due_at_once_and_once() -> None:
    engine = lone(max_records=1)
    records = [Held(MAINLINE.records.immutable(bytes([n])), -10.0) for n in range(3)]
    engine.command(do.Restore(tuple(records)), 5.0)
    assert engine.next_deadline() == -math.inf
    (persist,) = engine.tick(5.0)
    assert isinstance(persist, Persist)
    assert len(persist.changes) == 2
    assert engine.next_deadline() > 5.0


def test_writes_are_taken_again_when_the_disk_has_caught_up() -> None:
    engine, contact = lone(tickets=None), stranger()
    provider, numbers = Provider(contact.endpoint), []
    for number in range(MAX_UNWRITTEN):
        key = MAINLINE.policy.space.draw(Random(number % 500))
        effects = engine.receive(Announce(key, provider), from_contact(contact), 0.0)
        numbers += [e.id for e in effects if isinstance(e, Persist)]
    held = len(engine.providers)
    announce = Announce(Key(engine.own ^ 1), provider)  # a key that is not there yet
    (busy,) = replies(list(engine.receive(announce, from_contact(contact), 0.0)))
    assert isinstance(busy, Refusal)
    assert len(engine.providers) == held  # nothing changed that the disk will not hear of
    engine.persisted(numbers[0], 0.1)
    effects = engine.receive(announce, from_contact(contact), 0.2)
    assert [e for e in effects if isinstance(e, Persist)]


def test_contacts_of_our_own_family_are_not_handed_over() -> None:
    four, six = lone(family="n4"), lone(family="n6")
    four.relate(six)
    contact = stranger()
    (call,) = calls(four.command(do.Ask(1, contact.endpoint, Ping()), 0.0))
    effects = four.receive(Answer((stranger(index=2),)), from_contact(contact, call.id), 0.1)
    assert not [effect for effect in effects if isinstance(effect, Foreign)]


def test_evidence_of_a_running_operation_is_there_until_its_end() -> None:
    world = joined(MAINLINE, 20)
    member = world.members[3]
    member.command(do.Walk(999, MAINLINE.policy.space.draw(world.rng)))
    evidence = member.engine.evidence(999, world.now)
    assert evidence is not None
    assert evidence.asked == MAINLINE.policy.alpha
    member.command(do.Stop(999))
    assert member.engine.evidence(999, world.now) is None
