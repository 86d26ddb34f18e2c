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
    FindNode,
    Get,
    Ping,
    Provider,
    Providers,
    Put,
    Record,
    Sample,
)
from dht.mainline.items import ItemRules, immutable_key, immutable_record, mutable_key
from dht.mainline.krpc import MAX_DATAGRAM, Incoming, Rejected
from tests.dht.mainline.damages import ID, KEY, MISSING, PUBLIC, SIG, SOURCE, damages, receive
from tests.dht.mainline.pair import make

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
