"""Mutated packets against the Mainline dialect, from one seed.

``python -m tests.fuzz.packets --count 1000000 --seed 1`` throws that many at it, prints what came
of them and a digest that depends on nothing but the arguments, and fails at the first exception,
reply over the limit, or packet that took too long.

The corpus is made by the dialect itself (every message, both ways) plus the shapes that bencode's
readers stumble over. A mutant is damaged one to four times: bytes flipped, cut, repeated,
spliced with another packet, lengths and numbers changed, brackets piled up.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from dht.codec.bencode import decode, decode_untrusted, encode, raw_value
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
from dht.mainline.items import ItemRules, immutable_record
from dht.mainline.krpc import MAX_DATAGRAM, Incoming, Krpc, Rejected
from dht.mainline.policy import mainline_policy
from dht.mainline.tickets import MainlineTickets
from tests.damage import MUTATIONS, WEIGHTS
from tests.fuzzing import Outcomes, main, throw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dht.core.messages import Request, Response
    from dht.core.policy import Policy

HERE, THERE = ("127.0.0.1", 6881), ("127.0.1.1", 6882)

_RECORD: Final = Record(5, b"12:Hello World!", 3, b"k" * 32, b"salt", b"s" * 64)
_CONTACTS: Final = tuple(Contact(i << 140, (f"127.2.{i}.1", 5000 + i)) for i in range(8))
EXCHANGES: Final[list[tuple[Request, Response]]] = [
    (Ping(), Answer()),
    (Ping(), Refusal(201, "A Generic Error Ocurred")),
    (FindNode(1 << 150), Answer(_CONTACTS)),
    (FindNode(1 << 150, frozenset({"ipv4", "ipv6"})), Answer(_CONTACTS)),
    (
        Providers(7, scrape=True),
        Answer(
            _CONTACTS,
            providers=tuple(Provider(contact.endpoint) for contact in _CONTACTS),
            ticket=b"12345678",
            extra=Scrape(b"a" * 256, b"b" * 256),
        ),
    ),
    (Announce(7, Provider(("0.0.0.0", 0), seed=True), b"12345678"), Answer()),
    (Announce(7, Provider(("0.0.0.0", 80)), b"12345678"), Refusal(203, "bad token")),
    (Get(5, 2, b"salt"), Answer(_CONTACTS, _RECORD, 3, (), b"12345678")),
    (Get(5), Answer((), immutable_record(b"d1:ai1e1:bl2:xyee"), None, (), b"12345678")),
    (Put(_RECORD, b"12345678", 2), Refusal(301, "cas mismatch")),
    (Put(immutable_record(b"1:x"), b"12345678"), Answer()),
    (Sample(9), Answer(_CONTACTS, extra=Samples((1, 2, 3), 100, 60.0))),
]
ODDITIES: Final = [
    b"d1:y1:q1:t2:aa1:q4:ping1:ad2:id20:abcdefghij0123456789ee",
    b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:ad2:id20:abcdefghij01234567891:t2:aa1:y1:qe",
    b"d1:ad2:id20:abcdefghij01234567891:vl" + b"l" * 200 + b"e" * 200 + b"ee1:q3:put1:t1:a1:y1:qe",
    b"l" * 4000,
    b"d1:b" + b"l" * 1500 + b"e" * 1500 + b"1:ai1ee",
    b"d1:ai" + b"9" * 4000 + b"e1:t1:a1:y1:qe",
    b"d" + b"1:a0:" * 300 + b"e",
]


class Target(Outcomes):
    """Two dialects in the middle of a conversation, and the rules behind them."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = Random(seed)
        self.tickets = MainlineTickets(self.rng)
        policy: Policy = mainline_policy(family="ipv4", tickets=self.tickets)
        self.asker = Krpc(1 << 159, self.rng, family="ipv4", policy=policy)
        self.asked = Krpc(1 << 158, self.rng, family="ipv4", policy=policy)
        self.rules = ItemRules()
        self.calls = 0
        self.source = HERE, THERE

    def packets(self) -> Iterator[bytes]:
        """Good packets without end; answers stay awaited until one like them arrives."""
        while True:
            for request, response in EXCHANGES:
                self.calls += 1
                query = self.asker.encode_call(Call(self.calls, THERE, request))
                self.asker.forget(self.calls - 64)
                assert query is not None
                yield query
                incoming = self.asked.decode_untrusted(query, HERE)
                assert isinstance(incoming, Incoming)
                yield self.asked.encode_reply(incoming.origin.handle, response)[0]
            yield from ODDITIES

    def receive(self, data: bytes) -> str:
        """Give one packet to both sides and do with it what an engine would; name the outcome."""
        names = []
        for krpc, source in zip((self.asked, self.asker), self.source, strict=True):
            got = krpc.decode_untrusted(data, source)
            if isinstance(got, Rejected):
                self.check_reply(got.data)
                names.append("rejected")
            elif isinstance(got, Incoming):
                names.append(self.handle(krpc, got))
            else:
                names.append("nothing")
        self.check_codec(data)
        outcome = " ".join(names)
        self.note(outcome)
        return outcome

    def handle(self, krpc: Krpc, incoming: Incoming) -> str:
        """Check what a message carries, answer it if it is a request."""
        message, origin = incoming.message, incoming.origin
        if isinstance(message, Answer):
            if message.record is not None and self.rules.admit(message.record) is None:
                self.rules.verify(message.record)
            return "answer"
        if isinstance(message, Refusal):
            return "refusal"
        self.answer(krpc, message, origin)
        return type(message).__name__

    def answer(self, krpc: Krpc, message: Request, origin: Origin) -> None:
        """Send every kind of answer; each must keep to its limit and be canonical."""
        response: Response = Answer(_CONTACTS)
        if isinstance(message, Put | Announce):
            self.tickets.check(message.ticket or b"", origin, 5, 0.0)
            response = Answer()
        if isinstance(message, Put):
            response = self.rules.admit(message.record) or response
        elif isinstance(message, Get | Providers):
            ticket = self.tickets.mint(origin, message.key, 0.0)
            response = Answer(_CONTACTS, ticket=ticket)
        data, address = krpc.encode_reply(origin.handle, response)
        assert address == origin.endpoint
        self.check_reply(data)

    def check_reply(self, data: bytes) -> None:
        """A reply of ours is short and canonical."""
        assert len(data) <= 1024, data
        value = decode(data)
        assert value is not None, data
        assert encode(value) == data, data

    def check_codec(self, data: bytes) -> None:
        """The walker finds what the decoder decoded, where both have an opinion."""
        envelope = decode_untrusted(data)
        for path in ((b"a", b"v"), (b"r", b"v")):
            raw = raw_value(data, *path)
            outer = (envelope or {}).get(path[0])
            if type(outer) is dict and path[1] in outer:
                assert raw is not None, data
                assert decode(raw) in (None, outer[path[1]]), data


def mutants(target: Target, rng: Random) -> Iterator[bytes]:
    """Damaged packets, without end."""
    other = b"de"
    for packet in target.packets():
        data = packet
        for mutate in rng.choices(MUTATIONS, WEIGHTS, k=rng.choice((1, 1, 1, 2, 3, 4))):
            data = mutate(data, rng, other)[: MAX_DATAGRAM + 1] or b"d"
        other = packet
        yield data


def run(count: int, seed: int) -> Target:
    """Throw ``count`` mutants at a new target."""
    target = Target(seed)
    throw(target, mutants(target, Random(seed)), count, seed)
    return target


if __name__ == "__main__":
    raise SystemExit(main(__doc__, run))
