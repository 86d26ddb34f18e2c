"""The quick way answers exactly what the general way answers, or nothing."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.codec.bencode import encode
from dht.core.effects import Reply
from dht.core.engine import Engine
from dht.core.keys import Key
from dht.core.messages import Contact, Provider
from dht.mainline.compact import pack_address
from dht.mainline.items import immutable_record
from dht.mainline.krpc import Incoming, Krpc
from dht.mainline.policy import Family, mainline_policy
from dht.mainline.tickets import MainlineTickets
from dht.mainline.usual import Usual, recognise

HELD = immutable_record(b"4:held")
HOSTED = 0x1234567890ABCDEF1234567890ABCDEF12345678
NOW = 1000.0


class Station:
    """An engine with a full table, and both ways to it."""

    def __init__(self, family: Family = "ipv4", *, k: int = 8, serves: bool = True) -> None:
        rng = Random(1)
        tickets = MainlineTickets(Random(2))
        policy = mainline_policy(family=family, tickets=tickets, k=k, beta=k)
        self.engine = Engine(policy.space.draw(rng), policy, rng, serves=serves)
        self.dialect = Krpc(self.engine.own, rng, family=family, policy=policy)
        self.usual = Usual(self.engine, self.dialect)
        self.members: list[Contact] = []
        for index in range(300):
            host = (
                f"{20 + index % 90}.{index % 250}.7.1" if family == "ipv4" else f"2a00:{index:x}::1"
            )
            contact = Contact(policy.space.draw(rng), (host, 6881))
            self.engine.table.answered(contact, 0.1, 0.0)
        self.members = list(self.engine.table.contacts())
        self.engine.records.put(HELD, 0.0)
        self.engine.providers.add(HOSTED, Provider(("20.1.1.1", 1)), 0.0)  # type: ignore[arg-type]

    def at_a_glance(self, data: bytes, address: object, now: float = NOW) -> bytes | None:
        assert isinstance(address, tuple)
        recognised = recognise(data)
        if recognised is None:
            return None
        return self.usual.answer(recognised, address, pack_address(address), now)

    def generally(self, data: bytes, address: tuple[str, int]) -> bytes:
        incoming = self.dialect.decode_untrusted(data, address)
        assert isinstance(incoming, Incoming)
        (reply, *_) = self.engine.receive(incoming.message, incoming.origin, NOW)
        assert isinstance(reply, Reply)
        return self.dialect.encode_reply(reply.handle, reply.response)[0]


def query(
    method: bytes, sender: bytes, target: bytes, number: bytes, version: bytes = b"", **more: object
) -> bytes:
    name = b"info_hash" if method == b"get_peers" else b"target"
    args = {b"id": sender, name: target, **{k.encode(): v for k, v in more.items()}}
    envelope = {b"t": number, b"y": b"q", b"q": method, b"a": args}
    return encode(envelope | ({b"v": version} if version else {}))


@given(
    method=st.sampled_from([b"find_node", b"get_peers", b"get"]),
    target=st.binary(min_size=20, max_size=20),
    number=st.sampled_from([1, 2, 4, 8]).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
    version=st.sampled_from([b"", b"LT\x01\x02"]),
    family=st.sampled_from(["ipv4", "ipv6"]),
    member=st.integers(0, 30),
)
def test_both_ways_answer_the_same_bytes(
    method: bytes, target: bytes, number: bytes, version: bytes, family: Family, member: int
) -> None:
    one, other = Station(family), Station(family)
    contact = one.members[member % len(one.members)]
    address = contact.endpoint
    assert isinstance(address, tuple)
    data = query(method, contact.key.to_bytes(20, "big"), target, number, version)
    quick = one.at_a_glance(data, address)
    assert quick == other.generally(data, address)
    # And it is noted as alive in both.
    assert one.engine.table.questionable(NOW + 899) == other.engine.table.questionable(NOW + 899)


@pytest.fixture(scope="module")
def station() -> Station:
    return Station()


def hello(station: Station, method: bytes = b"find_node", target: bytes = b"t" * 20) -> bytes:
    return query(method, station.members[0].key.to_bytes(20, "big"), target, b"aa")


def test_what_is_held_goes_the_general_way(station: Station) -> None:
    address = station.members[0].endpoint
    assert isinstance(address, tuple)
    held, hosted = HELD.key.to_bytes(20, "big"), HOSTED.to_bytes(20, "big")
    answer = station.at_a_glance
    assert answer(hello(station, b"get", held), address) is None
    assert answer(hello(station, b"get_peers", hosted), address) is None
    assert answer(hello(station, b"find_node", held), address) is not None


def test_strangers_go_the_general_way_once_a_minute(station: Station) -> None:
    data = query(b"find_node", b"s" * 20, b"t" * 20, b"aa")
    address = ("99.1.2.3", 4)
    assert station.at_a_glance(data, address) is None
    station.generally(data, address)  # where it is considered for the table
    assert station.at_a_glance(data, address, NOW + 59) is not None
    assert station.at_a_glance(data, address, NOW + 61) is None


def test_options_and_other_queries_go_the_general_way(station: Station) -> None:
    key, target = station.members[0].key.to_bytes(20, "big"), b"t" * 20
    address = station.members[0].endpoint
    assert isinstance(address, tuple)
    for data in (
        query(b"find_node", key, target, b"aa", want=[b"n4", b"n6"]),
        query(b"get_peers", key, target, b"aa", scrape=1),
        query(b"get", key, target, b"aa", seq=1),
        query(b"sample_infohashes", key, target, b"aa"),
        query(b"find_node", key, target, b"aaa"),
        query(b"find_node", key, target[:-1], b"aa"),
        hello(station) + b"x",
        b"",
    ):
        assert station.at_a_glance(data, address) is None
    assert station.at_a_glance(hello(station), (address[0], 0)) is None


def test_a_read_only_node_and_one_with_other_tickets_answer_nothing() -> None:
    silent = Station(serves=False)
    address = silent.members[0].endpoint
    assert isinstance(address, tuple)
    assert silent.at_a_glance(hello(silent), address) is None
    policy = mainline_policy(family="ipv4", tickets=None)
    engine = Engine(silent.engine.own, policy, Random(1))
    silent.usual = Usual(engine, silent.dialect)
    assert silent.at_a_glance(hello(silent), address) is None


def test_answers_too_long_for_a_plain_one_go_the_general_way() -> None:
    station = Station("ipv6", k=40)
    address = station.members[0].endpoint
    assert isinstance(address, tuple)
    assert station.at_a_glance(hello(station), address) is None
    assert len(station.generally(hello(station), address)) <= 1024


def test_contacts_are_written_anew_when_their_bucket_changes() -> None:
    """Also when it is another bucket by now, since we took another key."""
    one, other = Station(), Station()
    leavers = Random(1).sample(one.members, 40)
    for step, leaving in enumerate(leavers):
        for station in (one, other):
            if step == 30:
                station.dialect.own = Key(station.engine.own ^ (1 << 159))
                station.engine.table.rekey(station.dialect.own, NOW)
            for _ in range(station.engine.policy.max_failures):
                station.engine.table.failed(leaving.key, NOW)
        asker = next(each for each in one.engine.table.contacts() if each not in leavers)
        address = asker.endpoint
        assert isinstance(address, tuple)
        for bit in (159, 158, 157, 100):
            target = (one.engine.own ^ (1 << bit)).to_bytes(20, "big")
            data = query(b"get", asker.key.to_bytes(20, "big"), target, b"aa")
            assert one.at_a_glance(data, address) == other.generally(data, address)


def test_buckets_that_are_gone_are_forgotten() -> None:
    station = Station()
    address = station.members[0].endpoint
    for index in range(300):
        station.engine.table.rekey(Key(station.engine.own ^ 1), NOW + index)
        station.at_a_glance(hello(station), address)
    assert len(station.usual._written) <= 160
