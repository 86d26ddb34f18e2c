"""A running swarm, short of its sockets, under hostile peers: ``python -m tests.fuzz.swarm``.

Peers come and go, answer what they are asked (truly, falsely, late, twice), say whatever the
protocol has words for, and, one message in four, something damaged. The stream is cut anywhere.
Meanwhile pieces pass and fail, the clock goes on, the owner pauses and changes wishes, and every
now and then everything that could grow is counted. Nothing but effects may come out.
"""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from tests.fuzzing import Outcomes, main, named
from tests.samples import Sample, block_digests, is_true, make
from tests.swarm_world import Pool
from torrent.core import commands as do
from torrent.core import wire
from torrent.core.bitfield import Bitfield
from torrent.core.effects import Close, Dial, HashPiece, Learned, Verdict, Verify
from torrent.core.metadata import serve
from torrent.core.metainfo import Version
from torrent.core.policy import BLOCK, SwarmPolicy
from torrent.core.swarm import Identity, Swarm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torrent.core.effects import Effect
    from torrent.core.wire import Message

OURS: Final = wire.EXTENSION_IDS
HOSTS: Final = 40
EVERY: Final = 500
"""Messages between two counts."""
LIFE: Final = 4_000
"""Messages between two swarms: each begins with another version, as a magnet or not."""


class Besieged(Outcomes):
    """One swarm after the other, and the hand that plays all its peers."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = Random(seed)
        self.samples = [make((90_000, 30_000), version) for version in Version] + [
            make((90_000, 30_000), Version.HYBRID)
        ]
        self.now = 0.0
        self.links = 0
        self.born = 0
        self.begin()

    def begin(self) -> None:
        """A new swarm."""
        rng = self.rng
        self.sample: Sample = rng.choice(self.samples)
        info = self.sample.info
        magnet, held = rng.random() < 0.4, rng.sample(range(info.piece_count), rng.randrange(4))
        self.pool = Pool(rng.choice([1 << 17, 1 << 20]))
        self.policy = SwarmPolicy(connections=8, candidates=30, reqq=50, half_open=3)
        self.swarm = Swarm(
            Identity(info.infohashes, b"-us" + bytes(17)),
            self.policy,
            self.pool,
            Random(rng.random()),
            None if magnet else info,
            None if magnet else Bitfield(info.piece_count, held),
        )
        self.held = Bitfield(info.piece_count, () if magnet else held)
        self.open: dict[int, wire.Decoder] = {}
        self.verdicts: list[tuple[int, memoryview]] = []
        self.born += 1

    # The shell.

    def perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            self.note(type(effect).__name__)
            match effect:
                case Close(link):
                    self.open.pop(link, None)
                case Dial(endpoint):
                    if self.rng.random() < 0.5:
                        self.perform(self.swarm.unreachable(endpoint, self.now))
                    elif self.rng.random() < 0.8:
                        self.connect(endpoint, incoming=False)
                case Verify(piece, buffer):
                    self.verdicts.append((piece, buffer))
                case Learned(info):
                    self.perform(self.swarm.begin(info, self.held, self.now))
                case HashPiece(piece):
                    leaves = self.sample.leaves(piece) if self.rng.random() < 0.7 else ()
                    self.perform(self.swarm.hashed(piece, leaves, self.now))

    def verify(self) -> None:
        """Answer the oldest Verify, sometimes by the failure of a disk."""
        piece, buffer = self.verdicts.pop(0)
        info = self.sample.info
        error = "no space left" if self.rng.random() < 0.02 else None
        verdict = Verdict(
            is_true(info, piece, buffer), block_digests(info, piece, bytes(buffer)), error
        )
        self.pool.release(buffer)
        self.perform(self.swarm.verified(piece, verdict, self.now))

    # The peers.

    def connect(self, endpoint: tuple[str, int], *, incoming: bool) -> None:
        self.links += 1
        link, rng = self.links, self.rng
        decoder = self.open[link] = wire.Decoder()
        decoder.expect_handshake()
        infohash = rng.choice(self.sample.info.infohashes) if rng.random() < 0.95 else bytes(20)
        name = b"-us" if rng.random() < 0.02 else b"-%d-" % rng.randrange(HOSTS)
        reserved = wire.reserved_bits(
            fast=rng.random() < 0.7, extended=rng.random() < 0.9, v2=rng.random() < 0.5
        )
        hello = wire.Handshake(infohash, name.ljust(20, b"\0"), reserved)
        self.perform(
            self.swarm.connected(
                link, endpoint, self.now, incoming=incoming, handshake=hello if incoming else None
            )
        )
        if not incoming:
            self.send(link, wire.encode(hello))
        first = rng.choice([wire.HaveAll(), wire.HaveNone(), wire.Unchoke(), self.greeting()])
        self.send(link, self.bytes_of(first) + self.bytes_of(self.greeting()))

    def greeting(self) -> wire.ExtensionHandshake:
        size = len(self.sample.info.raw) if self.rng.random() < 0.8 else self.rng.randrange(40_000)
        port = self.rng.choice([None, 1, 6881])
        return wire.ExtensionHandshake(
            dict(OURS), port=port, metadata_size=size, reqq=self.rng.choice([None, 1, 250])
        )

    def bytes_of(self, message: object) -> bytes:
        if isinstance(message, wire.ExtensionMessage):
            return wire.encode_extended(message, OURS) or b""
        return wire.encode(message)  # type: ignore[arg-type]

    def send(self, link: int, data: bytes) -> None:
        """Deliver, in two parts, in a buffer that is overwritten afterwards."""
        cut = self.rng.randrange(len(data) + 1)
        for part in (data[:cut], data[cut:]):
            if part and link in self.open:
                buffer = bytearray(part)
                self.perform(self.swarm.receive(link, memoryview(buffer), self.now))
                buffer[:] = bytes(len(buffer))
        self.listen(link)

    def listen(self, link: int) -> None:
        """Take what the swarm says, and answer some of it."""
        if link not in self.open or self.rng.random() < 0.2:
            return
        said = self.swarm.output(link)
        for request in self.swarm.uploads(link, 1 << 16):
            assert request.piece in self.swarm.commons.work.have
            assert 0 < request.length <= BLOCK
            self.perform(self.swarm.delivered(link, request.length, self.now))
        for message in self.open[link].receive(said):
            answer = self.answer(message)
            if answer is not None and link in self.open and self.rng.random() < 0.9:
                self.perform(self.swarm.receive(link, memoryview(bytearray(answer)), self.now))

    def answer(self, message: Message) -> bytes | None:
        """What an honest peer would say, mostly."""
        match message:
            case wire.Request(piece, begin, length):
                data = self.sample.piece(piece)[begin : begin + length]
                if self.rng.random() < 0.1:
                    data = self.rng.randbytes(len(data))
                return wire.encode(wire.Block(piece, begin, memoryview(data)))
            case wire.Interested():
                return wire.encode(wire.Unchoke())
            case wire.HashRequest(root, base, index, length, proofs):
                uncles = max(0, proofs + 1 - (length - 1).bit_length())
                if self.rng.random() < 0.5:
                    return wire.encode(wire.HashReject(root, base, index, length, proofs))
                lie = bytes(32 * (length + uncles))
                return wire.encode(wire.Hashes(root, base, index, length, proofs, lie))
            case wire.Extended():
                asked = wire.read_extended(message)
                if isinstance(asked, wire.MetadataRequest):
                    return self.bytes_of(serve(self.sample.info.raw, asked.piece))
        return None

    def whatever(self) -> object:
        """Something the protocol has words for."""
        rng, piece = self.rng, self.rng.randrange(9)
        begin, length = rng.choice([0, BLOCK, 5]), rng.choice([BLOCK, BLOCK, 100, 0])
        there = (f"10.1.{rng.randrange(4)}.{rng.randrange(9)}", rng.randrange(1, 9))
        name = rng.choice([file.pieces_root or bytes(32) for file in self.sample.info.files])
        tree = (name, rng.randrange(3), rng.randrange(4) * 2, rng.choice([2, 4, 3]), 1)
        makers: tuple[Callable[[], object], ...] = (
            wire.KeepAlive, wire.Choke, wire.Unchoke, wire.Interested, wire.NotInterested,
            wire.HaveAll, wire.HaveNone, self.greeting,
            lambda: wire.Have(piece),
            lambda: wire.BitfieldMessage(rng.randbytes(1)),
            lambda: wire.Request(piece, begin, length),
            lambda: wire.Block(piece, begin, memoryview(rng.randbytes(length))),
            lambda: wire.Cancel(piece, begin, length),
            lambda: wire.Reject(piece, begin, length),
            lambda: wire.Suggest(piece),
            lambda: wire.AllowedFast(piece),
            lambda: wire.Port(piece),
            lambda: wire.DontHave(piece),
            lambda: wire.UploadOnly(rng.random() < 0.1),
            lambda: wire.MetadataRequest(rng.randrange(3)),
            lambda: wire.MetadataReject(rng.randrange(3)),
            lambda: wire.Pex(((there, rng.randrange(32)),), (there,)),
            lambda: wire.Holepunch(wire.HolepunchKind(rng.randrange(3)), there),
            lambda: wire.HashRequest(*tree),
            lambda: wire.HashReject(*tree),
        )  # fmt: skip
        return rng.choice(makers)()

    def damaged(self, data: bytes) -> bytes:
        """One byte changed, or some of it gone, or something else altogether."""
        at = self.rng.randrange(len(data))
        kind = self.rng.randrange(3)
        if kind == 0:
            return data[:at] + bytes([self.rng.randrange(256)]) + data[at + 1 :]
        return data[:at] if kind == 1 else self.rng.randbytes(at + 1)

    # One step.

    def step(self) -> None:
        """Something happens."""
        rng = self.rng
        self.now += rng.choice([0.0, 0.001, 0.01, 1.0])
        if self.verdicts and rng.random() < 0.5:
            self.verify()
        if rng.random() < 0.01:
            self.perform(self.swarm.command(self.wish(), self.now))
        if rng.random() < 0.01 and self.swarm.commons.picker is not None:
            self.perform(self.swarm.lost(rng.randrange(4), self.now))
        if not self.open or rng.random() < 0.05:
            host = f"10.0.0.{rng.randrange(HOSTS)}"
            self.connect((host, rng.randrange(1, 9)), incoming=rng.random() < 0.8)
        if self.swarm.next_deadline() <= self.now:
            self.perform(self.swarm.tick(self.now))
        if self.open:
            link = rng.choice(list(self.open))
            if rng.random() < 0.01:
                del self.open[link]
                self.perform(self.swarm.disconnected(link, self.now))
                return
            data = self.bytes_of(self.whatever())
            self.send(link, self.damaged(data) if rng.random() < 0.1 else data)

    def wish(self) -> do.Command:
        """What an owner may want."""
        rng = self.rng
        return rng.choice(
            [
                do.Pause(),
                do.Resume(),
                do.Resume(),
                do.Resume(),
                do.Sequential(on=rng.random() < 0.5),
                do.Prioritise(files={rng.randrange(2): rng.randrange(8)}),
                do.Prioritise(pieces={rng.randrange(3): rng.randrange(8)}),
                do.Deadline(rng.randrange(3), self.now + 3),
                do.Limits(connections=rng.randrange(4, 9), upload_slots=rng.randrange(1, 5)),
            ]
        )

    def count(self) -> None:
        """Nothing has grown beyond its bound."""
        swarm = self.swarm
        commons = swarm.commons
        assert len(commons.peers) <= 8
        assert set(self.open) >= set(commons.peers)
        assert len(commons.candidates) <= 30
        assert len(commons.candidates._waiting) <= 130
        for peer in commons.peers.values():
            assert len(peer.queue) <= 50
            assert len(peer.outstanding) <= 256
            assert len(peer.ghosts) <= 1_024
            assert len(peer.may_ask) <= 40
            assert len(peer.early.bits) <= 1 << 18
            assert len(peer.out) <= (4 << 20) + 70_000
        owned = len(swarm.assemblies.open) + len(self.verdicts)
        assert len(self.pool.out) == owned
        assert swarm.gossip._told.keys() <= commons.peers.keys()
        if commons.picker is not None:
            open_pieces = set(commons.picker.open_pieces)
            assert open_pieces == set(swarm.assemblies.open)
            for peer in commons.peers.values():
                asked = {block for block in peer.outstanding if block[0] in open_pieces}
                assert asked == set(commons.picker.asked(peer.link)), peer.link


def run(count: int, seed: int) -> Besieged:
    """Let ``count`` things happen to swarms."""
    siege = Besieged(seed)
    for number in range(count):
        if number % LIFE == LIFE - 1:
            siege.begin()
        with named(seed, partial("step {}".format, number)):
            siege.step()
            if number % EVERY == 0:
                siege.count()
    siege.count()
    return siege


if __name__ == "__main__":
    raise SystemExit(main(__doc__, run))
