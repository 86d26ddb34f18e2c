"""What strangers say to swarms: handshakes, extensions, and lies about metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torrent.core.policy import BLOCK
from torrent.core.wire import (
    ExtensionHandshake,
    Handshake,
    HaveNone,
    Message,
    MetadataData,
    MetadataRequest,
    encode,
    encode_extended,
    read_extended,
    reserved_bits,
)
from torrent.core.wire.messages import Extended

if TYPE_CHECKING:
    from tests.samples import Sample
    from tests.swarm_world import Member, Stranger, World

OURS = {"ut_pex": 1, "ut_metadata": 2, "upload_only": 3, "ut_holepunch": 4, "lt_donthave": 7}


def hello(sample: Sample, *, fast: bool = True, extended: bool = True, name: bytes = b"s") -> bytes:
    reserved = reserved_bits(fast=fast, extended=extended, dht=True)
    return encode(Handshake(sample.info.infohashes[0], name * 20, reserved))


def extended(message: object) -> bytes:
    """An extension message for us, under our numbers."""
    data = encode_extended(message, OURS)
    assert data is not None
    return data


def stranger(world: World, sample: Sample, *first: Message, **how: bool) -> Stranger:
    """A stranger that says hello and ``first``."""
    found = world.stranger()
    found.greeting = hello(sample, **how) + b"".join(map(encode, first))
    return found


def besieged(world: World, sample: Sample, **how: object) -> tuple[Member, Member]:
    """An honest seed with a slow uplink, and a leech that knows it."""
    seed = world.member(sample, pieces=None, uplink=100_000.0)
    leech = world.member(sample, **how)
    leech.know(seed)
    return seed, leech


def metadata_teacher(world: World, sample: Sample, raw: bytes, size: int | None = None) -> Stranger:
    """Serves ``raw`` as metadata."""
    teacher = world.stranger()
    said = ExtensionHandshake(OURS, metadata_size=size or len(raw))
    teacher.greeting = (
        hello(sample, name=bytes([len(world.at) % 256])) + extended(said) + encode(HaveNone())
    )

    def reply(message: Message) -> bytes | None:
        if isinstance(message, Extended) and message.id:
            asked = read_extended(message)
            if isinstance(asked, MetadataRequest):
                at = asked.piece * BLOCK
                return extended(MetadataData(asked.piece, len(raw), raw[at : at + BLOCK]))
        return None

    teacher.reply = reply
    return teacher
