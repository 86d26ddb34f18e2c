"""Mutated streams against the peer wire, from one seed.

``python -m tests.fuzz.wire --count 1000000 --seed 1`` throws that many at it, prints what came of
them and a digest that depends on nothing but the arguments, and fails at the first exception other
than ``WireError``, at the first disagreement, and at a stream that took too long.

A stream is a few messages of any kind (extensions' too), damaged up to four times: bytes flipped,
cut, repeated, spliced, lengths and numbers changed; the dictionaries inside are also rewritten
field by field. Each is read twice, at once and in pieces, which must agree; whatever is understood
must survive being written and read again.
"""

from __future__ import annotations

import hashlib
import re
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from dht.codec.bencode import leading_value
from tests.damage import (
    OF_BYTES,
    cut,
    flip,
    insert,
    renumber,
    rewrite,
    shuffle,
)
from tests.fuzzing import Outcomes, main, named
from torrent.core.bitfield import Bitfield
from torrent.core.metadata import MetadataAssembly
from torrent.core.peerid import client_name
from torrent.core.wire import (
    EXTENSION_IDS,
    AllowedFast,
    BitfieldMessage,
    Block,
    Cancel,
    Choke,
    Decoder,
    DontHave,
    Extended,
    ExtensionHandshake,
    Handshake,
    Hashes,
    HashReject,
    HashRequest,
    Have,
    HaveAll,
    HaveNone,
    Holepunch,
    HolepunchKind,
    Interested,
    KeepAlive,
    Message,
    MetadataData,
    MetadataReject,
    MetadataRequest,
    NotInterested,
    Pex,
    Port,
    Reject,
    Request,
    Suggest,
    Unchoke,
    UploadOnly,
    encode,
    encode_extended,
    read_extended,
    reserved_bits,
)
from torrent.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torrent.core.wire import ExtensionMessage

_DIGITS: Final = re.compile("[0-9]+")
SLOW_S: Final = 0.5
"""No stream may take longer; ordinary ones take 50 µs."""

PIECE_COUNT: Final = 100
RAW: Final = bytes(range(256)) * 100
_ROOT: Final = bytes(range(32))
_PEERS: Final = tuple((f"16.2.3.{number}", 6881) for number in range(60))
_SIX: Final = ("2001:db8::1", 6881)

CORE: Final[list[Message]] = [
    KeepAlive(),
    Choke(),
    Unchoke(),
    Interested(),
    NotInterested(),
    HaveAll(),
    HaveNone(),
    Have(3),
    BitfieldMessage(Bitfield(PIECE_COUNT, range(0, PIECE_COUNT, 3)).to_bytes()),
    *[Request(3, 16384 * at, 16384) for at in range(3)],
    *[Block(3, 16384 * at, memoryview(b"data" * 4096)) for at in range(2)],
    *[Block(3, at, memoryview(b"short")) for at in range(3)],
    Cancel(3, 0, 16384),
    Port(6881),
    Suggest(4),
    Reject(3, 0, 16384),
    AllowedFast(5),
    HashRequest(_ROOT, 0, 0, 2, 5),
    Hashes(_ROOT, 0, 0, 4, 3, b"h" * 192),
    HashReject(_ROOT, 0, 0, 2, 5),
    Extended(99, b"of an extension nobody knows"),
]
EXTENSIONS: Final[list[ExtensionMessage]] = [
    ExtensionHandshake(
        EXTENSION_IDS, "µTorrent 3.5", 6881, 500, "16.0.0.1", "16.0.0.2", "::1", len(RAW)
    ),
    ExtensionHandshake(upload_only=True),
    MetadataRequest(0),
    MetadataData(0, len(RAW), RAW[:16384]),
    MetadataData(1, len(RAW), RAW[16384:]),
    MetadataReject(1),
    Pex(tuple((peer, 2) for peer in _PEERS), (*_PEERS[:9], _SIX)),
    Pex(((_SIX, 0x10),)),
    DontHave(7),
    Holepunch(HolepunchKind.RENDEZVOUS, _PEERS[0]),
    Holepunch(HolepunchKind.ERROR, _SIX, 2),
    UploadOnly(flag=True),
]


def extended(said: ExtensionMessage, number: int | None = None) -> Extended:
    """``said`` as it comes out of the decoder, perhaps under another number."""
    data = encode_extended(said, EXTENSION_IDS)
    assert data is not None
    return Extended(data[5] if number is None else number, data[6:])


class Target(Outcomes):
    """One who reads whatever comes, and does with it what a peer would."""

    def __init__(self) -> None:
        super().__init__()
        self.assembly = self.begin()

    @staticmethod
    def begin() -> MetadataAssembly:
        return MetadataAssembly([hashlib.sha1(RAW).digest()], len(RAW))

    def receive(self, stream: bytes, cuts: list[int], *, greeting: bool) -> None:
        """Read one stream in both ways, and do with each message what a peer would."""
        at_once = self.read([stream], greeting=greeting)
        edges = [0, *cuts, len(stream)]
        pieces = [stream[edges[i] : edges[i + 1]] for i in range(len(edges) - 1)]
        in_pieces = self.read(pieces, greeting=greeting)
        assert at_once[1] == in_pieces[1], (at_once[1], in_pieces[1])
        assert at_once[1] or at_once == in_pieces, stream
        for message in in_pieces[0]:
            self.handle(message)
        self.note(_DIGITS.sub("n", in_pieces[1]) or "whole")

    def read(self, pieces: list[bytes], *, greeting: bool) -> tuple[list[Message], str]:
        """The messages up to the first fault, and the fault."""
        decoder, messages, fed = Decoder(1 << 16), list[Message](), 0
        if greeting:
            decoder.expect_handshake()
        for piece in pieces:
            fed += len(piece)
            try:
                messages += decoder.receive(piece)
            except WireError as error:
                return messages, str(error)
            finally:
                assert decoder.pending <= min(fed, 4 + (1 << 16))
        return messages, ""

    def handle(self, message: Message) -> None:
        """Whatever was understood is itself again after a round trip, and is put to use."""
        name = type(message).__name__
        if isinstance(message, Handshake):
            assert client_name(message.peer_id).isprintable()
        else:
            assert Decoder().receive(encode(message)) == [message], message
        if isinstance(message, Extended):
            name = self.extension(message)
        elif isinstance(message, BitfieldMessage):
            name = self.bitfield(message.data)
        self.note(name)

    def bitfield(self, data: bytes) -> str:
        try:
            field = Bitfield.from_bytes(data, PIECE_COUNT)
        except WireError:
            return "refused bitfield"
        assert field == Bitfield(PIECE_COUNT, field)
        return "bitfield"

    def extension(self, message: Extended) -> str:
        """Read what an extension's message says."""
        try:
            said = read_extended(message)
        except WireError:
            return f"refused extension {message.id}"
        if said is None:
            return "unknown extension"
        assert read_extended(extended(said)) == said, said
        if isinstance(said, MetadataData):
            self.metadata(said)
        elif isinstance(said, Pex):
            assert len(said.added) <= 200 >= len(said.dropped)
        return type(said).__name__

    def metadata(self, part: MetadataData) -> None:
        """Ask a peer for every piece, and let this be one of its answers."""
        peer = self.outcomes.total() // 100
        while self.assembly.ask(peer, peer * 60.0) is not None:
            pass
        try:
            self.assembly.received(peer, part, peer * 60.0)
        except WireError:
            return
        if self.assembly.raw is not None:
            assert self.assembly.raw == RAW
            self.note("metadata complete")
            self.assembly = self.begin()


INNER: Final = [rewrite, shuffle, renumber, insert, flip, cut]


def relength(data: bytes, rng: Random, _other: bytes) -> bytes:
    """Change the length that the first message claims."""
    length = rng.choice((0, 1, 2, 5, 9, 13, 49, 1 << 14, 1 << 16, 1 << 20, 1 << 31, (1 << 32) - 1))
    return (length + rng.choice((0, 0, 1))).to_bytes(5, "big")[1:] + data[4:]


def one(rng: Random) -> bytes:
    """One message; the dictionary of an extension's may be damaged where it hurts."""
    if rng.random() < 0.5:
        return encode(rng.choice(CORE))
    message = extended(rng.choice(EXTENSIONS))
    fields = leading_value(message.payload) or message.payload
    data = message.payload[len(fields) :]
    if rng.random() < 0.6:
        fields = rng.choice(INNER)(fields, rng, b"")
    return encode(Extended(message.id, fields + data))


def mutants(rng: Random) -> Iterator[tuple[bytes, bool]]:
    """Damaged streams without end, and whether each begins with a handshake."""
    other = b"\0"
    hello = encode(Handshake(bytes(20), b"-qB5012-abcdefghijkl", reserved_bits(dht=True)))
    while True:
        greeting = rng.random() < 0.1
        parts = [one(rng) for _ in range(rng.choice((1, 1, 2, 3, 6)))]
        stream = b"".join([hello, *parts] if greeting else parts)
        data = stream
        for mutate in rng.choices([*OF_BYTES, relength], k=rng.choice((0, 0, 1, 1, 2, 4))):
            data = mutate(data, rng, other)[: 1 << 17] or b"\0"
        other = stream[:4096]
        yield data, greeting


def run(count: int, seed: int) -> Target:
    """Throw ``count`` mutants at a new target."""
    target, rng = Target(), Random(seed)
    stream = mutants(rng)
    for _ in range(count):
        data, greeting = next(stream)
        cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((1, 3, 9))))
        with named(seed, partial("the stream was {!r}, cut at {}".format, data, cuts)):
            target.receive(data, cuts, greeting=greeting)
    return target


if __name__ == "__main__":
    raise SystemExit(main(__doc__, run))
