"""KRPC as BEP 5 prints it: the example packets of its text, read and written."""

from __future__ import annotations

import pytest

from dht.codec.bencode import decode
from dht.core.effects import Call
from dht.core.messages import (
    Answer,
    FindNode,
    Origin,
    Ping,
    Provider,
    Providers,
    Refusal,
)
from dht.mainline.compact import pack_address
from dht.mainline.krpc import VERSION, Incoming
from tests.dht.mainline.examples import QUERIES, SENDER, SOURCE, TARGET
from tests.dht.mainline.pair import (
    make,
    pending,
)

# And answers: what was asked, who says so and what. Its "nodes" are schematic: 9 bytes.
ANSWERS = [
    (
        b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re",
        Ping(),
        TARGET,
        Answer(),
    ),
    (
        b"d1:rd2:id20:0123456789abcdefghij5:nodes9:def456...e1:t2:aa1:y1:re",
        FindNode(TARGET),
        int.from_bytes(b"0123456789abcdefghij", "big"),
        Answer(),
    ),
    (
        (
            b"d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee"
            b"1:t2:aa1:y1:re"
        ),
        Providers(TARGET),
        SENDER,
        Answer(
            providers=(
                Provider(("97.120.106.101", 11893)),
                Provider(("105.100.104.116", 28269)),
            ),
            ticket=b"aoeusnth",
        ),
    ),
    (
        b"d1:rd2:id20:abcdefghij01234567895:nodes9:def456...5:token8:aoeusnthe1:t2:aa1:y1:re",
        Providers(TARGET),
        SENDER,
        Answer(ticket=b"aoeusnth"),
    ),
]
ERROR = b"d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee"


class TestExamplesOfBep5:
    @pytest.mark.parametrize(("data", "request_"), QUERIES)
    def test_queries(self, data: bytes, request_: object) -> None:
        incoming = make().decode_untrusted(data, SOURCE)
        assert isinstance(incoming, Incoming)
        assert incoming.message == request_
        assert incoming.origin.key == SENDER
        assert incoming.origin.endpoint == SOURCE
        assert incoming.origin.serves
        assert incoming.observed is None

    @pytest.mark.parametrize(("data", "request_"), QUERIES[:3])
    def test_our_queries_say_the_same(self, data: bytes, request_: object) -> None:
        ours = decode(make(SENDER).encode_call(Call(1, SOURCE, request_)))
        theirs = decode(data)
        assert ours.pop(b"v") == VERSION
        assert len(ours.pop(b"t")) == 4
        assert theirs.pop(b"t") == b"aa"
        assert ours == theirs

    @pytest.mark.parametrize(("data", "asked", "key", "answer"), ANSWERS)
    def test_answers(self, data: bytes, asked: object, key: int, answer: Answer) -> None:
        krpc = make()
        pending(krpc, b"aa", asked, SOURCE)
        assert krpc.decode_untrusted(data, SOURCE) == Incoming(answer, Origin(key, SOURCE, 1), None)

    def test_the_error(self) -> None:
        krpc = make()
        pending(krpc, b"aa", Ping(), SOURCE)
        incoming = krpc.decode_untrusted(ERROR, SOURCE)
        assert incoming == Incoming(
            Refusal(201, "A Generic Error Ocurred"), Origin(None, SOURCE, 1), None
        )

    def test_our_error_is_laid_out_like_it(self) -> None:
        incoming = make().decode_untrusted(QUERIES[0][0], SOURCE)
        data, _ = make().encode_reply(
            incoming.origin.handle, Refusal(201, "A Generic Error Ocurred")
        )
        fields = decode(data)
        assert fields.pop(b"ip") == pack_address(SOURCE)
        assert fields.pop(b"v") == VERSION
        assert fields == decode(ERROR)
