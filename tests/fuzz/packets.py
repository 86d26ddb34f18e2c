"""Mutated packets against the Mainline dialect, from one seed.

``python -m tests.fuzz.packets --count 1000000 --seed 1`` throws that many at it, prints what came
of them and a digest that depends on nothing but the arguments, and fails at the first exception,
reply over the limit, or packet that took too long.

The corpus is made by the dialect itself (every message, both ways) plus the shapes that bencode's
readers stumble over. A mutant is damaged one to four times: bytes flipped, cut, repeated,
spliced with another packet, lengths and numbers changed, brackets piled up.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
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
from tests.fuzzing import main, throw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dht.core.messages import Request, Response
    from dht.core.policy import Policy

HERE, THERE = ("127.0.0.1", 6881), ("127.0.1.1", 6882)
NUMBERS: Final = [b"-1", b"0", b"00", b"20", b"65535", b"65536", b"9" * 20, b"9" * 4400, b"-0", b""]
PIECES: Final = [
    b"d",
    b"l",
    b"e",
    b"i",
    b":",
    b"0:",
    b"de",
    b"le",
    b"i0e",
    b"1:a",
    b"2:id20:",
    b"l" * 50,
    b"d0:" * 50,
    b"\0",
    b"\xff" * 4,
]

_DIGITS: Final = re.compile(rb"[0-9]+")
NAMES: Final = [b"want", b"noseed", b"seq", b"k", b"sig", b"v", b"values", b"nodes6", b"ip", b"ro"]
VALUES: Final[list[object]] = [
    0,
    1,
    -1,
    2**63,
    10**40,
    b"",
    b"x",
    b"y" * 20,
    b"z" * 32,
    b"s" * 64,
    b"n" * 52,
    b"f" * 256,
    b"h" * 1500,
    [],
    [b"n4", b"n6"],
    [b"v" * 6, b"w" * 18, 5],
    [203, b"no"],
    [[[[]]]],
    {},
    {b"id": b"i" * 20},
    {b"b": {b"a": [1, {}]}},
]

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


class Target:
    """Two dialects in the middle of a conversation, the rules behind them, and one witness."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.tickets = MainlineTickets(self.rng)
        policy: Policy = mainline_policy(family="ipv4", tickets=self.tickets)
        self.asker = Krpc(1 << 159, self.rng, family="ipv4", policy=policy)
        self.asked = Krpc(1 << 158, self.rng, family="ipv4", policy=policy)
        self.rules = ItemRules()
        self.outcomes: Counter[str] = Counter()
        self.witness = hashlib.sha256()
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
        self.outcomes[outcome] += 1
        self.witness.update(outcome.encode())
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


def flip(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Change a byte."""
    at = rng.randrange(len(data))
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def cut(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Leave out a stretch."""
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:start] + data[end:]


def truncate(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Leave out the end."""
    return data[: rng.randrange(len(data) + 1)]


def repeat(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Say a stretch twice or many times."""
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:end] + data[start:end] * rng.choice((1, 1, 2, 30)) + data[end:]


def splice(data: bytes, rng: Random, other: bytes) -> bytes:
    """Go on as another packet."""
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def insert(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Put in a piece of bencode."""
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(PIECES) + data[at:]


def renumber(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Change a length or an integer."""
    number = _DIGITS.search(data, rng.randrange(len(data)))
    if number is None:
        return data
    return data[: number.start()] + rng.choice(NUMBERS) + data[number.end() :]


def rewrite(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Replace, add or leave out a field, inside or outside, and encode properly."""
    fields = decode_untrusted(data)
    if not fields:
        return data
    inner = [value for value in fields.values() if type(value) is dict and value]
    place = rng.choice(inner) if inner and rng.random() < 0.7 else fields
    name = rng.choice([*place, rng.choice(NAMES)])
    if rng.random() < 0.3:
        place.pop(name, None)
    else:
        place[name] = rng.choice(VALUES)
    return encode(fields)


def shuffle(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Forget to sort the keys of the outermost dictionary."""
    fields = list((decode_untrusted(data) or {}).items())
    rng.shuffle(fields)
    return b"d%be" % b"".join(encode(key) + encode(value) for key, value in fields)


MUTATIONS: Final[list[Callable[[bytes, Random, bytes], bytes]]] = [
    flip,
    cut,
    truncate,
    repeat,
    splice,
    insert,
    renumber,
    rewrite,
    shuffle,
]
WEIGHTS: Final = [3, 1, 1, 1, 1, 2, 3, 8, 3]
"""The later ones leave packets that are understood, and so reach deeper."""


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
