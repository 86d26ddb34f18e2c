"""dht.mainline.krpc: no reply exceeds its limit, and what is left out is what should be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dht.codec.bencode import decode, encode
from dht.core.messages import (
    Answer,
    Contact,
    FindNode,
    Get,
    Provider,
    Providers,
    Record,
    Refusal,
    Sample,
    Samples,
    Scrape,
)
from tests.dht.mainline.pair import Pair, contacts, endpoints

FULL = Scrape(b"\xff" * 256, b"\xff" * 256)
BOTH = frozenset({"ipv4", "ipv6"})
V4 = tuple(Contact(i << 150, (f"1.2.{i}.4", i + 1)) for i in range(60))
V6 = tuple(Contact(i << 150, (f"2a00:{i:x}::1", i + 1)) for i in range(60))
RECORD = Record(1, encode(bytes(996)), 2**63 - 1, bytes(32), b"", bytes(64))
TICKET = b"12345678"


def fields(pair: Pair, request: object, answer: object, limit: int) -> dict[bytes, object]:
    """The ``r`` of the reply, which keeps to ``limit``."""
    data = pair.reply(pair.ask(request), answer)
    assert len(data) <= limit
    assert encode(decode(data)) == data
    return decode(data).get(b"r", {})


@settings(max_examples=100)
@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@given(data=st.data())
def test_every_reply_keeps_to_its_limit(family: str, data: st.DataObject) -> None:
    """BEP 32: "must not send UDP datagrams with a payload larger than 1024 octets"."""
    many = st.lists(contacts["ipv4"] | contacts["ipv6"], max_size=60)
    size = data.draw(st.integers(0, 996))
    record = data.draw(st.sampled_from([None, Record(1, encode(bytes(size))), RECORD]))
    answer = Answer(
        tuple(data.draw(many)),
        record,
        data.draw(st.sampled_from([None, 2**63 - 1])),
        tuple(map(Provider, data.draw(st.lists(endpoints[family], max_size=150)))),
        data.draw(st.sampled_from([None, b"x" * 20, b"x" * 64])),
        data.draw(st.sampled_from([None, FULL, Samples(tuple(range(100)), 2**63 - 1, 21_600.0)])),
    )
    request = data.draw(st.sampled_from([FindNode(1, BOTH), Get(1), Providers(1), Sample(1)]))
    fields(Pair(family), request, answer, 1400 if record else 1024)


def test_a_usual_answer_is_whole() -> None:
    peers = tuple(Provider((f"9.9.9.{i}", i + 1)) for i in range(50))
    r = fields(Pair(), Providers(1), Answer(V4[:8], None, None, peers, TICKET), 1024)
    assert (len(r[b"nodes"]), len(r[b"values"]), r[b"token"]) == (8 * 26, 50, TICKET)
    peers = tuple(Provider((f"2a00::{i:x}", i + 1)) for i in range(24))
    r = fields(Pair("ipv6"), Providers(1), Answer(V6[:8], None, None, peers, TICKET), 1024)
    assert (len(r[b"nodes6"]), len(r[b"values"])) == (8 * 38, 24)
    r = fields(Pair(), FindNode(1, BOTH), Answer(V4[:8] + V6[:8]), 1024)
    assert (len(r[b"nodes"]), len(r[b"nodes6"])) == (8 * 26, 8 * 38)


def test_a_value_outlasts_contacts() -> None:
    r = fields(
        Pair(), Get(1, None, b"", BOTH), Answer(V4[:8] + V6[:8], RECORD, None, (), TICKET), 1400
    )
    assert r[b"v"] == bytes(996)
    assert (r[b"k"], r[b"sig"], r[b"seq"]) == (bytes(32), bytes(64), 2**63 - 1)
    assert r[b"token"] == TICKET
    assert 0 < len(r[b"nodes"]) < 8 * 26  # some of our own family
    assert b"nodes6" not in r  # none of the other


def test_whole_contacts_are_dropped() -> None:
    r = fields(Pair(), FindNode(1), Answer(V4), 1024)
    assert len(r[b"nodes"]) % 26 == 0
    assert len(r[b"nodes"]) > 1024 - 26 - 120
    r = fields(Pair("ipv6"), FindNode(1), Answer(V6), 1024)
    assert len(r[b"nodes6"]) % 38 == 0
    assert len(r[b"nodes6"]) > 1024 - 38 - 120


def test_peers_outlast_contacts_and_are_dropped_whole() -> None:
    peers = tuple(Provider((f"9.9.{i}.9", i + 1)) for i in range(200))
    r = fields(Pair(), Providers(1), Answer(V4[:8], None, None, peers, TICKET), 1024)
    assert len(r[b"values"]) > 100
    assert len(r.get(b"nodes", b"")) < 26
    assert r[b"token"] == TICKET


def test_filters_leave_room_for_contacts_and_some_peers() -> None:
    # BEP 33: "the filters require over 512 bytes in the packet. This can be achieved by
    # returning less values and only returning the mandatory node lists".
    peers = tuple(Provider((f"9.9.{i}.9", i + 1)) for i in range(20))
    answer = Answer(V4[:8] + V6[:8], None, None, peers, TICKET, FULL)
    r = fields(Pair(), Providers(1, scrape=True, families=BOTH), answer, 1024)
    assert (r[b"BFsd"], r[b"BFpe"]) == (FULL.seeds, FULL.peers)
    assert (len(r[b"values"]), len(r[b"nodes"])) == (20, 8 * 26)
    assert len(r.get(b"nodes6", b"")) < 3 * 38


def test_the_same_contacts_fit_one_reply_and_not_another() -> None:
    pair = Pair()
    short = fields(pair, Get(1), Answer(V4[:8], RECORD), 1400)
    whole = fields(pair, Get(1), Answer(V4[:8]), 1024)
    assert len(short[b"nodes"]) < len(whole[b"nodes"]) == 8 * 26


def test_samples_are_cut() -> None:
    answer = Answer(V4[:8], extra=Samples(tuple(range(500)), 500, 60.0))
    r = fields(Pair(), Sample(1), answer, 1024)
    assert len(r[b"samples"]) == 32 * 20
    assert (r[b"num"], r[b"interval"]) == (500, 60)
    assert len(r[b"nodes"]) == 8 * 26


def test_reasons_are_cut() -> None:
    pair = Pair()
    data = pair.reply(pair.ask(FindNode(1)), Refusal(203, "why " * 1000))
    assert len(data) < 400
    assert decode(data)[b"e"] == [203, b"why " * 50]


def test_no_answer_is_much_longer_than_what_asked_for_it() -> None:
    # What a forged source address gains: an answer to its victim of at most eleven times.
    pair = Pair()
    asked = len(pair.send(FindNode(1)))
    assert len(pair.reply(pair.ask(FindNode(1)), Answer(V4))) <= 11 * asked
    assert len(pair.reply(pair.ask(FindNode(1)), Answer(V4[:8]))) <= 3 * asked
