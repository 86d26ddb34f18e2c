"""Who is pinged before being believed, and how much of it forged sources can cause."""

from __future__ import annotations

from random import Random

from dht.core.calls import Pending, Silence
from dht.core.messages import Answer, Contact, Ping, Refusal
from dht.core.strangers import MAX_BACKLOG, MAX_PINGS, MAX_TRIED, RETRY_AFTER, Strangers
from dht.core.table import RoutingTable
from tests.strategies import MAINLINE

POLICY = MAINLINE.policy


def make() -> tuple[Strangers, RoutingTable]:
    table = RoutingTable(POLICY.space.draw(Random(1)), POLICY)
    return Strangers(table, POLICY), table


def crowd(count: int) -> list[Contact]:
    rng = Random(2)
    return [
        MAINLINE.contact(POLICY.space.draw(rng), (20 << 24) + i * 256 + 1) for i in range(count)
    ]


def call(strangers: Strangers, contact: Contact) -> Pending:
    return Pending(1, contact.endpoint, contact, Ping(), strangers, 0.0, 1.0)


def test_a_stranger_with_a_place_is_pinged_once_a_minute() -> None:
    strangers, _ = make()
    (contact,) = crowd(1)
    assert strangers.meet(contact.key, contact.endpoint, 0.0)
    assert strangers.next() == [(contact, Ping())]
    assert strangers.next() == []
    strangers.failed(call(strangers, contact))
    assert strangers.tried(contact.endpoint, RETRY_AFTER - 1)
    assert not strangers.tried(contact.endpoint, RETRY_AFTER)
    assert strangers.meet(contact.key, contact.endpoint, RETRY_AFTER)


def test_forged_sources_cause_a_bounded_number_of_pings() -> None:
    strangers, _ = make()
    pings = 0
    for contact in crowd(500):
        strangers.meet(contact.key, contact.endpoint, 0.0)
        pings += len(strangers.next())
    assert pings == MAX_PINGS


def test_the_memory_of_who_was_tried_is_bounded() -> None:
    strangers, _ = make()
    for contact in crowd(MAX_TRIED * 2 + 5):
        strangers.meet(contact.key, contact.endpoint, 0.0)
        strangers.next()
        strangers.refused(call(strangers, contact), Refusal(201, "no"))
    assert len(strangers._tried) <= MAX_TRIED


def test_unacceptable_strangers_and_those_without_a_place_are_left_alone() -> None:
    strangers, table = make()
    (contact,) = crowd(1)
    host, _ = contact.endpoint  # type: ignore[misc]
    assert not strangers.meet(contact.key, (host, 0), 0.0)
    table.answered(contact, 0.1, 0.0)
    same_host = Contact(POLICY.space.draw(Random(9)), (host, 7000))
    assert not strangers.meet(same_host.key, same_host.endpoint, 0.0)


def test_who_lost_its_place_while_it_waited_is_not_pinged() -> None:
    strangers, table = make()
    contacts = crowd(MAX_PINGS + 1)
    strangers.learn(tuple(contacts), 0.0)
    assert len(strangers.next()) == MAX_PINGS
    last = contacts[-1]
    host, _ = last.endpoint  # type: ignore[misc]
    table.answered(Contact(POLICY.space.draw(Random(8)), (host, 1)), 0.1, 0.0)
    strangers.answered(call(strangers, contacts[0]), contacts[0], Answer(), 0.0)
    assert strangers.next() == []


def test_members_in_doubt_go_first() -> None:
    strangers, table = make()
    one, *others = crowd(4)
    table.answered(one, 0.1, 0.0)
    strangers.learn(tuple(others), 0.0)
    strangers.check(one)
    assert [c for c, _ in strangers.next()] == [one, *others]


def test_the_backlog_is_bounded() -> None:
    strangers, _ = make()
    strangers.learn(tuple(crowd(MAX_BACKLOG * 2)), 0.0)
    pings = 0
    while asked := strangers.next():
        pings += len(asked)
        for contact, _ in asked:
            strangers.slow(call(strangers, contact))
            strangers.failed(call(strangers, contact))
    assert 0 < pings <= MAX_BACKLOG


def test_late_answers_do_not_raise_the_number_of_pings_under_way() -> None:
    strangers, _ = make()
    contacts = crowd(3 * MAX_PINGS)
    strangers.learn(tuple(contacts), 0.0)
    asked = [contact for contact, _ in strangers.next()]
    assert len(asked) == MAX_PINGS
    for contact in asked:
        late = call(strangers, contact)
        strangers.failed(late)
        late.passed = Silence.DEAD
        strangers.answered(late, contact, Answer(), 5.0)
        strangers.refused(late, Refusal(201, "no"))
    assert len(strangers.next()) == MAX_PINGS


def test_one_victim_is_pinged_once_a_minute_whatever_is_said_of_it() -> None:
    strangers, _ = make()
    rng = Random(3)
    lies = [MAINLINE.contact(POLICY.space.draw(rng), 66 << 24 | 7, port) for port in range(1, 500)]
    strangers.learn(tuple(lies), 0.0)
    for lie in lies:
        strangers.meet(lie.key, lie.endpoint, 1.0)
    assert len(strangers.next()) == 1
    strangers.failed(call(strangers, lies[0]))
    strangers.learn(tuple(lies), RETRY_AFTER - 1)
    assert strangers.next() == []
    strangers.learn(tuple(lies), RETRY_AFTER)
    assert len(strangers.next()) == 1


def test_a_member_named_elsewhere_is_not_pinged_there() -> None:
    strangers, table = make()
    (contact, victim) = crowd(2)
    table.answered(contact, 0.1, 0.0)
    strangers.learn((Contact(contact.key, victim.endpoint),), 0.0)
    assert strangers.next() == []


def test_who_left_the_table_before_its_check_is_not_pinged() -> None:
    strangers, _ = make()
    strangers.check(crowd(1)[0])
    assert strangers.next() == []


def test_a_flood_of_names_does_not_wash_out_checks() -> None:
    strangers, table = make()
    member, *others = crowd(2 * MAX_BACKLOG)
    table.answered(member, 0.1, 0.0)
    strangers.check(member)
    strangers.learn(tuple(others), 0.0)
    assert strangers.next()[0] == (member, Ping())
