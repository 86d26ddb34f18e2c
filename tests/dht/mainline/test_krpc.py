"""dht.mainline.krpc: every message, both ways."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.codec.bencode import decode, encode
from dht.core.effects import Call
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
    Record,
    Refusal,
    Sample,
    Samples,
    Scrape,
)
from dht.mainline.compact import pack_address, pack_node
from dht.mainline.items import immutable_record, mutable_key
from dht.mainline.krpc import VERSION, Rejected
from tests.dht.mainline.examples import QUERIES, SOURCE, TARGET
from tests.dht.mainline.pair import (
    ASKED,
    ASKER,
    Pair,
    contacts,
    endpoints,
    immutable,
    keys,
    make,
    mutable,
    requests,
    seqs,
    tickets,
)

FAMILIES = ["ipv4", "ipv6"]


class TestRoundTrips:
    @pytest.mark.parametrize("family", FAMILIES)
    @given(request_=requests)
    def test_requests(self, family: str, request_: object) -> None:
        pair = Pair(family)
        incoming = pair.ask(request_)
        expected = request_
        if isinstance(request_, Announce):
            # The address is the one it comes from; port 0 stands for the port it comes from.
            port = request_.provider.endpoint[1] or pair.here[1]
            provider = Provider((pair.here[0], port), request_.provider.seed)
            expected = dataclasses.replace(request_, provider=provider)
        elif isinstance(request_, Put) and request_.record.seq is not None:
            # The key of a mutable record does not travel: it follows from k and salt.
            key = mutable_key(request_.record.signer, request_.record.salt)
            record = dataclasses.replace(request_.record, key=key)
            expected = dataclasses.replace(request_, record=record)
        elif getattr(request_, "families", None) == {family}:
            expected = dataclasses.replace(request_, families=incoming.message.families)
        assert incoming.message == expected
        assert incoming.origin.key == ASKER
        assert incoming.origin.endpoint == pair.here

    @pytest.mark.parametrize("family", FAMILIES)
    @given(data=st.data())
    def test_answers_with_contacts(self, family: str, data: st.DataObject) -> None:
        closer = tuple(data.draw(st.lists(contacts[family], max_size=8)))
        for request_ in (FindNode(1), Get(1), Providers(1), Sample(1)):
            pair = Pair(family)
            got = pair.exchange(request_, Answer(closer))
            assert got.message == Answer(closer)
            assert got.origin == Origin(ASKED, pair.there, 1)
            assert got.observed == pair.here

    @pytest.mark.parametrize("family", FAMILIES)
    @given(data=st.data())
    def test_answers_with_contacts_of_both_families(self, family: str, data: st.DataObject) -> None:
        both = frozenset(FAMILIES)
        v4 = data.draw(st.lists(contacts["ipv4"], max_size=8))
        v6 = data.draw(st.lists(contacts["ipv6"], max_size=8))
        mixed = tuple(data.draw(st.permutations(v4 + v6)))
        got = Pair(family).exchange(FindNode(1, both), Answer(mixed))
        assert sorted(map(repr, got.message.closer)) == sorted(map(repr, mixed))
        only = {"ipv4": v4, "ipv6": v6}
        for wanted, expected in only.items():
            got = Pair(family).exchange(FindNode(1, frozenset({wanted})), Answer(mixed))
            assert sorted(map(repr, got.message.closer)) == sorted(map(repr, expected))

    @pytest.mark.parametrize("family", FAMILIES)
    @given(data=st.data())
    def test_answers_with_peers(self, family: str, data: st.DataObject) -> None:
        providers = tuple(map(Provider, data.draw(st.lists(endpoints[family], max_size=20))))
        ticket = data.draw(st.none() | tickets)
        extra = data.draw(
            st.none() | st.builds(Scrape, *[st.binary(min_size=256, max_size=256)] * 2)
        )
        answer = Answer(providers=providers, ticket=ticket, extra=extra)
        got = Pair(family).exchange(Providers(1, scrape=extra is not None), answer)
        assert got.message == answer

    @given(record=immutable | mutable, ticket=tickets, held=seqs)
    def test_answers_with_records(self, record: Record, ticket: bytes, held: int | None) -> None:
        request = Get(record.key, None, record.salt)
        answer = Answer(record=record, seq=record.seq, ticket=ticket)
        assert Pair().exchange(request, answer).message == answer
        answer = Answer(seq=held, ticket=ticket)
        assert Pair().exchange(Get(record.key, 1), answer).message == answer

    @given(st.lists(keys, max_size=20), st.integers(20, 10**6), st.integers(0, 21_600))
    def test_answers_with_samples(self, sample: list[int], total: int, interval: int) -> None:
        answer = Answer(extra=Samples(tuple(sample), total, float(interval)))
        assert Pair().exchange(Sample(1), answer).message == answer

    @given(st.integers(0, 999), st.text(max_size=40))
    def test_refusals(self, code: int, reason: str) -> None:
        got = Pair().exchange(Ping(), Refusal(code, reason))
        assert got.message == Refusal(code, reason)
        assert got.origin.key is None
        assert got.observed == Pair().here

    @pytest.mark.parametrize(
        "request_",
        [Ping(), Announce(1, Provider(("", 5)), b"t"), Put(immutable_record(b"1:x"), b"t")],
    )
    def test_answers_to_what_lists_no_contacts_have_an_id_alone(self, request_: object) -> None:
        pair = Pair()
        data = pair.reply(pair.ask(request_), Answer())
        assert decode(data)[b"r"] == {b"id": ASKED.to_bytes(20, "big")}


class TestEveryMessageIsCanonical:
    @given(requests)
    def test_queries(self, request_: object) -> None:
        data = Pair().send(request_)
        if not isinstance(request_, Put):
            assert encode(decode(data)) == data
        assert decode(data)[b"v"] == VERSION

    @given(st.data())
    def test_replies(self, data: st.DataObject) -> None:
        closer = tuple(data.draw(st.lists(contacts["ipv4"] | contacts["ipv6"], max_size=12)))
        answer = Answer(
            closer,
            data.draw(st.none() | immutable | mutable),
            data.draw(seqs),
            tuple(map(Provider, data.draw(st.lists(endpoints["ipv4"], max_size=60)))),
            data.draw(st.none() | tickets),
            data.draw(
                st.none()
                | st.just(Scrape(bytes(256), bytes(256)))
                | st.builds(Samples, st.just((1, 2, 3)), st.just(99), st.just(60.0))
            ),
        )
        pair = Pair()
        raw = pair.reply(pair.ask(data.draw(requests)), answer)
        assert encode(decode(raw)) == raw


class TestReplies:
    @pytest.mark.parametrize("number", [b"", b"a", b"aa", b"12345678", b"x" * 64])
    def test_they_repeat_the_number_of_the_query(self, number: bytes) -> None:
        query = encode({b"a": {b"id": bytes(20)}, b"q": b"ping", b"t": number, b"y": b"q"})
        incoming = make().decode_untrusted(query, SOURCE)
        for response in (Answer(), Answer(seq=1), Refusal(201, "no")):
            data, address = make().encode_reply(incoming.origin.handle, response)
            assert decode(data)[b"t"] == number
            assert address == SOURCE

    @pytest.mark.parametrize("source", [SOURCE, ("1.2.3.4", 1), ("255.1.2.3", 65535)])
    def test_they_tell_the_asker_its_address(self, source: tuple[str, int]) -> None:
        # BEP 42: "all DHT responses SHOULD include a top-level field called ip".
        incoming = make().decode_untrusted(QUERIES[1][0], source)
        for response in (Answer(), Answer(providers=(Provider(source),)), Refusal(201, "no")):
            data, _ = make().encode_reply(incoming.origin.handle, response)
            assert decode(data)[b"ip"] == pack_address(source)

    def test_an_empty_list_of_contacts_is_still_a_list(self) -> None:
        pair = Pair()
        assert decode(pair.reply(pair.ask(FindNode(1)), Answer()))[b"r"][b"nodes"] == b""
        pair = Pair("ipv6")
        assert decode(pair.reply(pair.ask(FindNode(1)), Answer()))[b"r"][b"nodes6"] == b""

    def test_encoded_contacts_follow_the_tuple_not_its_place_in_memory(self) -> None:
        pair = Pair()
        incoming = pair.ask(FindNode(1))
        for i in range(1000):  # each tuple dies at once, and its id is soon given out again
            closer = (Contact(i, ("1.2.3.4", i + 1)),)
            nodes = decode(pair.reply(incoming, Answer(closer)))[b"r"][b"nodes"]
            assert nodes == pack_node(closer[0])
            again = decode(pair.reply(incoming, Answer(closer)))[b"r"][b"nodes"]
            assert again == nodes
        assert len(pair.asked._encoded) <= 16

    def test_our_key_can_change(self) -> None:
        krpc = make(1)
        krpc.own = 2
        incoming = krpc.decode_untrusted(QUERIES[0][0], SOURCE)
        data, _ = krpc.encode_reply(incoming.origin.handle, Answer())
        assert decode(data)[b"r"][b"id"] == (2).to_bytes(20, "big")
        query = krpc.encode_call(Call(1, SOURCE, Ping()))
        assert decode(query)[b"a"][b"id"] == (2).to_bytes(20, "big")
        assert krpc.own == 2

    def test_no_seeds_for_those_who_have_everything(self) -> None:
        # BEP 33: "noseed"=1: "try to fill the values list with non-seed items".
        args = {b"id": bytes(20), b"info_hash": bytes(20), b"noseed": 1}
        query = encode({b"a": args, b"q": b"get_peers", b"t": b"aa", b"y": b"q"})
        incoming = make().decode_untrusted(query, SOURCE)
        providers = (Provider(("1.2.3.4", 1), seed=True), Provider(("1.2.3.5", 1)))
        data, _ = make().encode_reply(incoming.origin.handle, Answer(providers=providers))
        assert decode(data)[b"r"][b"values"] == [pack_address(("1.2.3.5", 1))]
        data, _ = make().encode_reply(incoming.origin.handle, Answer(providers=providers[:1]))
        assert b"values" not in decode(data)[b"r"]


class TestWant:
    @pytest.mark.parametrize(
        ("want", "families"),
        [
            ([b"n4"], {"ipv4"}),
            ([b"n6"], {"ipv6"}),
            ([b"n4", b"n6"], {"ipv4", "ipv6"}),
            ([b"n6", b"n4", b"n9", 5], {"ipv4", "ipv6"}),  # BEP 32: others are ignored
            ([], {"ipv4"}),
            ([b"n9"], {"ipv4"}),
            (b"n6", {"ipv4"}),
            (6, {"ipv4"}),
            ({b"n6": 1}, {"ipv4"}),
        ],
    )
    def test_what_is_wanted(self, want: object, families: set[str]) -> None:
        args = {b"id": bytes(20), b"target": bytes(20), b"want": want}
        query = encode({b"a": args, b"q": b"find_node", b"t": b"aa", b"y": b"q"})
        incoming = make().decode_untrusted(query, SOURCE)
        assert incoming.message.families == families
        closer = (Contact(1, ("1.2.3.4", 5)), Contact(2, ("2a00::1", 5)))
        fields = decode(make().encode_reply(incoming.origin.handle, Answer(closer))[0])[b"r"]
        assert (b"nodes" in fields, b"nodes6" in fields) == (
            "ipv4" in families,
            "ipv6" in families,
        )


class TestReadOnly:
    def test_queries_are_marked(self) -> None:
        # BEP 43: "places a 'ro' key in the top-level message dictionary and sets its value to 1".
        pair = Pair()
        pair.asker.read_only = True
        assert b"2:roi1e" in pair.send(FindNode(1))
        assert not pair.ask(Ping()).origin.serves

    def test_queries_are_not_answered_but_answers_are_read(self) -> None:
        # BEP 43: "It no longer responds to 'query' messages that it receives".
        pair = Pair(read_only=True)
        assert pair.asked.decode_untrusted(pair.send(Ping()), pair.here) is None
        assert pair.asked.decode_untrusted(b"d1:t1:x1:y1:qe", pair.here) is None
        pair.asked.read_only = False
        assert pair.exchange(Ping(), Answer()).message == Answer()

    @pytest.mark.parametrize("ro", [0, 2, b"1", [1]])
    def test_other_marks_are_none(self, ro: object) -> None:
        query = {b"a": {b"id": bytes(20)}, b"q": b"ping", b"ro": ro, b"t": b"aa", b"y": b"q"}
        assert make().decode_untrusted(encode(query), SOURCE).origin.serves


class TestForwardCompatibility:
    @pytest.mark.parametrize("name", [b"target", b"info_hash"])
    def test_an_unknown_method_that_names_a_place_is_answered_as_find_node(
        self, name: bytes
    ) -> None:
        args = {b"id": bytes(20), name: TARGET.to_bytes(20, "big")}
        query = encode({b"a": args, b"q": b"frobnicate", b"t": b"aa", b"y": b"q"})
        incoming = make().decode_untrusted(query, SOURCE)
        assert incoming.message == FindNode(TARGET)
        data, _ = make().encode_reply(incoming.origin.handle, Answer())
        assert decode(data)[b"r"][b"nodes"] == b""

    @pytest.mark.parametrize("args", [{}, {b"target": b"short"}, {b"target": 5}])
    def test_any_other_is_unknown(self, args: dict[bytes, object]) -> None:
        query = encode({b"a": {b"id": bytes(20), **args}, b"q": b"vote", b"t": b"aa", b"y": b"q"})
        rejected = make().decode_untrusted(query, SOURCE)
        assert isinstance(rejected, Rejected)
        fields = decode(rejected.data)
        assert fields[b"e"][0] == 204
        assert fields[b"t"] == b"aa"
        assert fields[b"ip"] == pack_address(SOURCE)
