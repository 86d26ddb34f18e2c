"""Every field of every answer, damaged in every way: read in part, or not at all."""

from __future__ import annotations

import pytest

from dht.codec.bencode import encode
from dht.core.messages import (
    Answer,
    FindNode,
    Get,
    Ping,
    Providers,
    Record,
    Refusal,
    Sample,
    Samples,
    Scrape,
)
from dht.mainline.items import ItemRules
from dht.mainline.krpc import Incoming
from tests.dht.mainline.damages import (
    ID,
    KEY,
    MISSING,
    PUBLIC,
    SIG,
    SOURCE,
    WRONG_TYPES,
    damages,
    receive,
)
from tests.dht.mainline.pair import make, pending

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
