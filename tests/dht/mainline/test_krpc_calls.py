"""KRPC's memory: answers count only for calls, from whom they were sent to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.codec.bencode import decode, encode
from dht.core.effects import Call
from dht.core.messages import (
    Announce,
    Answer,
    Contact,
    Ping,
    Provider,
    Providers,
    Put,
)
from dht.mainline.compact import pack_address, pack_node
from dht.mainline.items import immutable_record
from tests.dht.mainline.examples import SOURCE
from tests.dht.mainline.pair import (
    Pair,
    make,
    pending,
)


class TestCalls:
    @pytest.mark.parametrize(
        "to", [("2a00::1", 5), ("no address", 5), ("1.2.3.4", 70000), ("1.2.3.4", -1)]
    )
    def test_what_cannot_be_sent_is_not(self, to: tuple[str, int]) -> None:
        krpc = make()
        assert krpc.encode_call(Call(1, to, Ping())) is None
        assert len(krpc._transactions) == 0

    def test_v6_sends_to_v6_alone(self) -> None:
        assert make(family="ipv6").encode_call(Call(1, ("1.2.3.4", 5), Ping())) is None
        assert make(family="ipv6").encode_call(Call(1, ("2a00::1", 5), Ping())) is not None

    @pytest.mark.parametrize(
        "request_", [Put(immutable_record(b"1:x")), Announce(1, Provider(("", 0)))]
    )
    def test_no_write_without_a_ticket(self, request_: object) -> None:
        assert make().encode_call(Call(1, SOURCE, request_)) is None

    def test_the_same_dice_give_the_same_numbers(self) -> None:
        one, two = (make(seed=9).encode_call(Call(1, SOURCE, Ping())) for _ in range(2))
        assert one == two != make(seed=8).encode_call(Call(1, SOURCE, Ping()))


class TestAnswersOnlyCountWhereTheyBelong:
    def prepare(self) -> tuple[Pair, bytes]:
        pair = Pair()
        return pair, pair.reply(pair.ask(Ping()), Answer())

    def test_from_another_address_or_port(self) -> None:
        pair, data = self.prepare()
        assert pair.asker.decode_untrusted(data, ("127.0.1.2", pair.there[1])) is None
        assert pair.asker.decode_untrusted(data, (pair.there[0], 1)) is None
        assert pair.asker.decode_untrusted(data, pair.there) is not None

    def test_twice(self) -> None:
        pair, data = self.prepare()
        assert pair.asker.decode_untrusted(data, pair.there) is not None
        assert pair.asker.decode_untrusted(data, pair.there) is None

    def test_after_the_call_was_forgotten(self) -> None:
        pair, data = self.prepare()
        pair.asker.forget(1)
        assert pair.asker.decode_untrusted(data, pair.there) is None

    @given(st.binary(max_size=8))
    def test_with_another_number(self, number: bytes) -> None:
        pair, data = self.prepare()
        fields = decode(data)
        if fields[b"t"] != number:
            for kind in (b"r", b"e"):
                forged = encode({**fields, b"t": number, b"y": kind, b"e": [201, b"x"]})
                assert pair.asker.decode_untrusted(forged, pair.there) is None


class TestSourcesOfRumours:
    """A node on the Internet is not believed about machines on private networks."""

    def contacts(self) -> tuple[Contact, ...]:
        return tuple(
            Contact(i, (host, 5)) for i, host in enumerate(["127.0.0.1", "10.0.0.1", "9.9.9.9"])
        )

    def read(self, source: str, **options: object) -> Answer:
        krpc = make(**options)
        pending(krpc, b"aa", Providers(1), (source, 5))
        nodes = b"".join(map(pack_node, self.contacts()))
        values = [pack_address(contact.endpoint) for contact in self.contacts()]
        r = {b"id": bytes(20), b"nodes": nodes, b"values": values}
        incoming = krpc.decode_untrusted(encode({b"r": r, b"t": b"aa", b"y": b"r"}), (source, 5))
        return incoming.message

    @pytest.mark.parametrize(
        ("source", "first"), [("127.0.0.9", 0), ("10.9.9.9", 1), ("8.8.8.8", 2)]
    )
    def test_contacts_and_peers(self, source: str, first: int) -> None:
        answer = self.read(source)
        assert answer.closer == self.contacts()[first:]
        assert [p.endpoint for p in answer.providers] == [
            contact.endpoint for contact in self.contacts()[first:]
        ]

    def test_unless_the_policy_says_so(self) -> None:
        assert self.read("8.8.8.8", private_contacts=True).closer == self.contacts()
