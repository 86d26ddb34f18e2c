"""dht.mainline.krpc against malformed messages: each field missing, mistyped, misfitting, huge.

A base message of each kind is good. Each test damages one field of it in every way of a list, and
says what may come of it: the error, the message without that field, or nothing. What may never
come is an exception.
"""

from __future__ import annotations

import pytest

from dht.codec.bencode import decode, encode
from dht.core.messages import (
    Announce,
    Answer,
    FindNode,
    Get,
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
from dht.mainline.items import ItemRules, immutable_key, immutable_record, mutable_key
from dht.mainline.krpc import MAX_DATAGRAM, Incoming, Rejected
from tests.dht.mainline.pair import make, pending

SOURCE = ("8.7.6.5", 4321)
ID, KEY = b"i" * 20, b"k" * 20
PUBLIC, SIG = b"p" * 32, b"s" * 64

MISSING = object()
WRONG_TYPES = [0, -1, 10**30, [], [b"x"], {}, {b"x": 1}]
DAMAGES = {
    "missing": MISSING,
    "empty": b"",
    "short": b"x",
    "a byte less": b"x" * 19,
    "a byte more": b"x" * 21,
    "huge": b"x" * 4000,
    **{f"type {each!r}": each for each in WRONG_TYPES},
}
damages = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())

QUERIES = {
    b"ping": {},
    b"find_node": {b"target": KEY},
    b"get_peers": {b"info_hash": KEY, b"scrape": 1, b"noseed": 1, b"want": [b"n4"]},
    b"announce_peer": {
        b"info_hash": KEY,
        b"port": 6881,
        b"token": b"token",
        b"implied_port": 0,
        b"seed": 1,
    },
    b"get": {b"target": KEY, b"seq": 4},
    b"put": {
        b"token": b"token",
        b"v": b"value",
        b"k": PUBLIC,
        b"sig": SIG,
        b"seq": 4,
        b"salt": b"salt",
        b"cas": 3,
    },
    b"sample_infohashes": {b"target": KEY},
}
REQUIRED = {
    b"find_node": [b"target"],
    b"get_peers": [b"info_hash"],
    b"announce_peer": [b"info_hash", b"port"],
    b"get": [b"target"],
    b"sample_infohashes": [b"target"],
}


def query(method: bytes, **changes: object) -> bytes:
    """A good query, but for ``changes`` in its arguments."""
    args = {b"id": ID, **QUERIES[method]} | {k.encode(): v for k, v in changes.items()}
    args = {name: value for name, value in args.items() if value is not MISSING}
    return encode({b"a": args, b"q": method, b"t": b"aa", b"y": b"q"})


def envelope(**changes: object) -> bytes:
    """A good ping, but for ``changes`` outside its arguments."""
    fields = {b"a": {b"id": ID}, b"q": b"ping", b"t": b"aa", b"y": b"q"}
    fields |= {k.encode(): v for k, v in changes.items()}
    return encode({name: value for name, value in fields.items() if value is not MISSING})


def receive(data: bytes) -> Incoming | Rejected | None:
    return make().decode_untrusted(data, SOURCE)


def message(data: bytes) -> object:
    incoming = receive(data)
    assert isinstance(incoming, Incoming)
    return incoming.message


def code(data: bytes) -> int:
    """The code of the error that is sent back; it is well formed."""
    rejected = receive(data)
    assert isinstance(rejected, Rejected)
    fields = decode(rejected.data)
    assert isinstance(fields, dict)
    assert (fields[b"y"], fields[b"t"]) == (b"e", b"aa")
    return fields[b"e"][0]


def test_the_base_messages_are_good() -> None:
    key = int.from_bytes(KEY, "big")
    record = Record(mutable_key(PUBLIC, b"salt"), b"5:value", 4, PUBLIC, b"salt", SIG)
    expected = {
        b"ping": Ping(),
        b"find_node": FindNode(key),
        b"get_peers": Providers(key, scrape=True, families=frozenset({"ipv4"})),
        b"announce_peer": Announce(key, Provider((SOURCE[0], 6881), seed=True), b"token"),
        b"get": Get(key, 4),
        b"put": Put(record, b"token", 3),
        b"sample_infohashes": Sample(key),
    }
    assert {method: message(query(method)) for method in QUERIES} == expected
    assert message(envelope()) == Ping()


class TestEnvelopes:
    @damages
    def test_without_a_number_there_is_no_answer(self, damage: object) -> None:
        got = receive(envelope(t=damage))
        fits = isinstance(damage, bytes) and len(damage) <= 64
        assert isinstance(got, Incoming) if fits else got is None

    @damages
    def test_without_a_kind_there_is_no_answer(self, damage: object) -> None:
        assert receive(envelope(y=damage)) is None

    @damages
    def test_a_query_has_a_method(self, damage: object) -> None:
        assert code(envelope(q=damage)) == (204 if isinstance(damage, bytes) else 203)

    @damages
    def test_a_query_has_arguments(self, damage: object) -> None:
        assert code(envelope(a=damage)) == 203

    @pytest.mark.parametrize("method", QUERIES)
    @damages
    def test_a_query_has_an_id(self, method: bytes, damage: object) -> None:
        assert code(query(method, id=damage)) == 203

    @damages
    def test_the_rest_is_optional(self, damage: object) -> None:
        for name in ("v", "ip", "ro", "x"):
            assert message(envelope(**{name: damage})) == Ping()

    @pytest.mark.parametrize(
        "data", [b"", b"\x00", b"d", b"de", b"le", b"i1e", b"4:ping", b"GET /"]
    )
    def test_what_is_no_message(self, data: bytes) -> None:
        assert receive(data) is None

    def test_what_is_too_long(self) -> None:
        for size, taken in ((MAX_DATAGRAM, True), (MAX_DATAGRAM + 1, False)):
            empty = len(envelope(x=b"x" * 1000)) - 1000
            data = envelope(x=b"x" * (size - empty))
            assert len(data) == size
            assert (receive(data) is not None) is taken
        assert receive(b"d" * 65_507) is None

    def test_nobody_is_at_port_0(self) -> None:
        assert make().decode_untrusted(envelope(), (SOURCE[0], 0)) is None

    def test_unsorted_and_repeated_keys_are_read(self) -> None:
        data = b"d1:y1:q1:t2:zz1:t2:aa1:q4:ping1:ad2:id20:" + ID + b"ee"
        assert message(data) == Ping()
        assert receive(data).origin.handle[1] == b"aa"

    def test_the_value_of_an_unsorted_message_is_taken_as_received(self) -> None:
        value = b"d1:bi1e1:ai2ee"  # not canonical: the record rules refuse it
        data = b"d1:y1:q1:t2:aa1:q3:put1:ad2:id20:" + ID + b"5:token1:t1:v" + value + b"ee"
        put = message(data)
        assert put == Put(Record(immutable_key(value), value), b"t")
        assert ItemRules().admit(put.record).code == 203


class TestArguments:
    @pytest.mark.parametrize(("method", "name"), [(m, n) for m in REQUIRED for n in REQUIRED[m]])
    @damages
    def test_required(self, method: bytes, name: bytes, damage: object) -> None:
        assert code(query(method, **{name.decode(): damage})) == 203

    @pytest.mark.parametrize("port", [0, -1, 65536, 2**64, b"6881"])
    def test_ports_are_ports(self, port: object) -> None:
        assert code(query(b"announce_peer", port=port)) == 203
        assert code(query(b"announce_peer", port=port, implied_port=MISSING)) == 203

    @pytest.mark.parametrize("port", [0, -1, 65536, b"6881", MISSING, 17])
    def test_an_implied_port_is_that_of_the_packet(self, port: object) -> None:
        # BEP 5: "If it is present and non-zero, the port argument should be ignored".
        announce = message(query(b"announce_peer", port=port, implied_port=1))
        assert announce.provider.endpoint == SOURCE

    @damages
    def test_flags_are_1_or_not_set(self, damage: object) -> None:
        assert not message(query(b"announce_peer", seed=damage)).provider.seed
        assert not message(query(b"get_peers", scrape=damage)).scrape
        assert isinstance(message(query(b"get_peers", noseed=damage)), Providers)

    @damages
    def test_a_want_of_another_type_is_none(self, damage: object) -> None:
        for method in (b"find_node", b"get_peers", b"get", b"sample_infohashes"):
            assert message(query(method, want=damage)).families <= {"ipv4"}

    @damages
    def test_a_seq_that_is_no_number_asks_for_any_version(self, damage: object) -> None:
        expected = 0 if damage == 0 and not isinstance(damage, bytes) else None
        assert message(query(b"get", seq=damage)).min_seq == expected

    @damages
    def test_tokens_are_checked_by_the_core(self, damage: object) -> None:
        token = damage if isinstance(damage, bytes) else b""
        assert message(query(b"announce_peer", token=damage)).ticket == token
        assert message(query(b"put", token=damage)).ticket == token


class TestPut:
    @damages
    def test_a_value_of_any_type_but_there(self, damage: object) -> None:
        if damage is MISSING:
            assert code(query(b"put", v=damage)) == 203
        else:
            assert message(query(b"put", v=damage)).record.value == encode(damage)

    @pytest.mark.parametrize(
        ("name", "size", "expected"), [("k", 32, 203), ("sig", 64, 203), ("salt", None, 207)]
    )
    @damages
    def test_what_does_not_fit_is_refused_by_the_rules(
        self, name: str, size: int | None, expected: int, damage: object
    ) -> None:
        record = message(query(b"put", **{name: damage})).record
        refusal = ItemRules().admit(record)
        if size is None and (not isinstance(damage, bytes) or len(damage) <= 64):
            assert refusal is None  # a salt of another type is no salt
        else:
            assert refusal is not None
            assert refusal.code == expected

    @damages
    def test_a_mutable_item_has_a_number(self, damage: object) -> None:
        if damage == 0 and not isinstance(damage, bytes):
            assert message(query(b"put", seq=damage)).record.seq == 0
        else:
            assert code(query(b"put", seq=damage)) == 203

    @pytest.mark.parametrize("seq", [2**63, -1, -(2**63)])
    def test_numbers_have_63_bits(self, seq: int) -> None:
        assert code(query(b"put", seq=seq)) == 203
        assert message(query(b"put", seq=2**63 - 1)).record.seq == 2**63 - 1

    @damages
    def test_a_cas_of_another_type_is_none(self, damage: object) -> None:
        expected = 0 if damage == 0 and not isinstance(damage, bytes) else None
        assert message(query(b"put", cas=damage)).cas == expected

    def test_neither_key_nor_signature_is_an_immutable_item(self) -> None:
        put = message(query(b"put", k=MISSING, sig=MISSING))
        assert put.record == immutable_record(b"5:value")


# Answers.

ASKED = {
    "ping": (Ping(), {}),
    "find_node": (FindNode(1), {b"nodes": b"n" * 26, b"nodes6": b"n" * 38}),
    "get_peers": (
        Providers(1),
        {
            b"token": b"token",
            b"values": [b"v" * 6, b"v" * 18],
            b"nodes": b"n" * 26,
            b"BFsd": b"s" * 256,
            b"BFpe": b"p" * 256,
        },
    ),
    "get": (
        Get(1, None, b"salt"),
        {b"token": b"token", b"v": b"value", b"k": PUBLIC, b"sig": SIG, b"seq": 4},
    ),
    "sample": (Sample(1), {b"samples": KEY * 2, b"num": 7, b"interval": 60}),
}


def answer_to(kind: str, **changes: object) -> Answer | Refusal:
    """What arrives of a good answer, but for ``changes`` in its ``r``."""
    request, fields = ASKED[kind]
    r = {b"id": ID, **fields} | {k.encode(): v for k, v in changes.items()}
    r = {name: value for name, value in r.items() if value is not MISSING}
    return deliver(request, {b"r": r, b"t": b"aa", b"y": b"r"}).message


def deliver(request: object, fields: dict[bytes, object]) -> Incoming:
    krpc = make()
    pending(krpc, b"aa", request, SOURCE)
    fields = {name: value for name, value in fields.items() if value is not MISSING}
    incoming = krpc.decode_untrusted(encode(fields), SOURCE)
    assert isinstance(incoming, Incoming)
    assert incoming.origin.handle == 1
    assert len(krpc._transactions) == 0
    return incoming


class TestAnswers:
    @pytest.mark.parametrize("kind", ASKED)
    @damages
    def test_an_answer_without_an_id_ends_the_call(self, kind: str, damage: object) -> None:
        assert answer_to(kind, id=damage) == Refusal(203, "the answer has no id")

    @damages
    def test_an_answer_without_a_body_ends_the_call(self, damage: object) -> None:
        got = deliver(Ping(), {b"r": damage, b"t": b"aa", b"y": b"r"})
        assert got.message == Refusal(203, "the answer has no id")
        assert got.origin.key is None

    @pytest.mark.parametrize("kind", ASKED)
    @damages
    def test_a_malformed_field_leaves_the_others(self, kind: str, damage: object) -> None:
        good = answer_to(kind)
        for name in ASKED[kind][1]:
            damaged = answer_to(kind, **{name.decode(): damage})
            assert isinstance(damaged, Answer)
            if name != b"token":
                assert damaged.ticket == good.ticket
            if not name.startswith(b"nodes"):
                assert damaged.closer == good.closer
            if name != b"values":
                assert damaged.providers == good.providers

    @damages
    def test_contacts(self, damage: object) -> None:
        whole = len(damage) // 26 if isinstance(damage, bytes) else 0
        assert len(answer_to("find_node", nodes=damage, nodes6=MISSING).closer) == min(whole, 128)
        whole = len(damage) // 38 if isinstance(damage, bytes) else 0
        assert len(answer_to("find_node", nodes=MISSING, nodes6=damage).closer) == min(whole, 128)

    @damages
    def test_tokens(self, damage: object) -> None:
        fits = isinstance(damage, bytes) and len(damage) <= 128
        assert answer_to("get", token=damage).ticket == (damage if fits else None)

    def test_peers(self) -> None:
        values = [b"v" * 6, b"v" * 5, 7, [], b"w" * 18, b"v" * 4 + b"\0\0", b"\xff" * 6]
        endpoints = [p.endpoint for p in answer_to("get_peers", values=values).providers]
        assert endpoints == [
            ("118.118.118.118", 0x7676),
            ("7777:7777:7777:7777:7777:7777:7777:7777", 0x7777),
        ]
        many = answer_to("get_peers", values=[bytes([9, 9, i, 9, 1, 1]) for i in range(256)] * 2)
        assert len(many.providers) == 256

    @damages
    def test_filters(self, damage: object) -> None:
        assert answer_to("get_peers").extra == Scrape(b"s" * 256, b"p" * 256)
        assert answer_to("get_peers", BFsd=damage).extra is None
        assert answer_to("get_peers", BFpe=damage).extra is None

    @damages
    def test_items(self, damage: object) -> None:
        good = Record(1, b"5:value", 4, PUBLIC, b"salt", SIG)
        assert answer_to("get").record == good
        for name in ("k", "sig", "seq"):
            record = answer_to("get", **{name: damage}).record
            assert record != good
            assert ItemRules().admit(record) is not None
        record = answer_to("get", v=damage).record
        assert record is None if damage is MISSING else record.value == encode(damage)

    def test_an_item_is_put_under_the_key_that_was_asked_for(self) -> None:
        record = answer_to("get", k=MISSING, sig=MISSING).record
        assert record == Record(1, b"5:value")
        assert ItemRules().admit(record).code == 203  # "value" lives elsewhere

    @pytest.mark.parametrize("seq", [0, 4, 2**63 - 1])
    def test_a_version_alone(self, seq: int) -> None:
        got = answer_to("get", v=MISSING, seq=seq)
        assert (got.seq, got.record) == (seq, None)

    @pytest.mark.parametrize("seq", [-1, 2**63, b"4", [4]])
    def test_a_version_out_of_range_is_none(self, seq: object) -> None:
        assert answer_to("get", v=MISSING, seq=seq).seq is None

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, (2, 7, 60.0)),
            ({"samples": b""}, (0, 7, 60.0)),
            ({"samples": KEY + b"rest"}, (1, 7, 60.0)),
            ({"samples": KEY * 1000}, None),  # too long for a datagram
            ({"samples": KEY * 390, "num": 390}, (390, 390, 60.0)),
            ({"num": 1}, (2, 2, 60.0)),
            ({"num": MISSING}, (2, 2, 60.0)),
            ({"num": b"7"}, (2, 2, 60.0)),
            ({"num": 2**64}, (2, 2, 60.0)),
            ({"interval": MISSING}, (2, 7, 0.0)),
            ({"interval": -1}, (2, 7, 0.0)),
            ({"interval": 21_601}, (2, 7, 0.0)),
            ({"interval": b"1"}, (2, 7, 0.0)),
        ],
    )
    def test_samples(
        self, changes: dict[str, object], expected: tuple[int, int, float] | None
    ) -> None:
        if expected is None:
            with pytest.raises(AssertionError):
                answer_to("sample", **changes)
            return
        extra = answer_to("sample", **changes).extra
        assert isinstance(extra, Samples)
        assert (len(extra.keys), extra.total, extra.interval) == expected

    @pytest.mark.parametrize("damage", [MISSING, *WRONG_TYPES])
    def test_without_samples_the_method_is_unknown_there(self, damage: object) -> None:
        assert answer_to("sample", samples=damage).extra is None


class TestObserved:
    @pytest.mark.parametrize(
        ("ip", "observed"),
        [
            (b"\x05\x06\x07\x08\x1a\xe1", ("5.6.7.8", 6881)),
            (b"\x05\x06\x07\x08", None),
            (b"v" * 18, None),
            (b"", None),
            (MISSING, None),
            (5, None),
            ([5, 6, 7, 8], None),
        ],
    )
    def test_our_address(self, ip: object, observed: object) -> None:
        fields = {b"r": {b"id": ID}, b"e": [201, b"x"], b"ip": ip, b"t": b"aa"}
        for kind in (b"r", b"e"):
            assert deliver(Ping(), {**fields, b"y": kind}).observed == observed

    def test_an_ipv6_address_seen_by_ipv6(self) -> None:
        krpc = make(family="ipv6")
        pending(krpc, b"aa", Ping(), ("2a00::1", 5))
        fields = {b"r": {b"id": ID}, b"ip": b"v" * 18, b"t": b"aa", b"y": b"r"}
        observed = krpc.decode_untrusted(encode(fields), ("2a00::1", 5)).observed
        assert observed == ("7676:7676:7676:7676:7676:7676:7676:7676", 0x7676)


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "refusal"),
        [
            ([203, b"bad token"], Refusal(203, "bad token")),
            ([203, b"bad", b"token", 7], Refusal(203, "bad")),
            ([0, b""], Refusal(0, "")),
            ([201, b"\xff"], Refusal(201, "\N{REPLACEMENT CHARACTER}")),
            ([201, b"x" * 1000], Refusal(201, "x" * 200)),
        ],
    )
    def test_codes_and_reasons(self, error: object, refusal: Refusal) -> None:
        assert self.error(error) == refusal

    @pytest.mark.parametrize("broken", [-1, 10**30, b"203", [], {}])
    def test_a_code_that_is_none_is_a_generic_error(self, broken: object) -> None:
        assert self.error([broken, b"why"]) == Refusal(201, "why")

    @pytest.mark.parametrize("broken", [MISSING, [], [203], b"e", 203, {b"code": 203}, [203, 5]])
    def test_an_error_of_no_known_form(self, broken: object) -> None:
        refusal = self.error(broken)
        assert refusal.reason == "(an error of no known form)"
        assert refusal.code == (203 if broken == [203, 5] else 201)

    def error(self, error: object) -> Refusal:
        incoming = deliver(Ping(), {b"e": error, b"t": b"aa", b"y": b"e"})
        assert isinstance(incoming.message, Refusal)
        return incoming.message

    def test_an_error_to_nobody_is_nothing(self) -> None:
        assert receive(encode({b"e": [201, b"x"], b"t": b"aa", b"y": b"e"})) is None
