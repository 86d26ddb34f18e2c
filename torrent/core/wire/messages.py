"""What two peers say to each other, as values.

Every message is a length of four bytes, a kind of one byte and a body (BEP 3, "peer protocol");
a length of zero is a keep-alive and has no kind. The classes carry their ``KIND``, so that the
decoder and the encoder are two tables over the same list. As in :mod:`dht.core.messages` they are
frozen for the type checker only. Of :class:`Request` and :class:`Block` 65,536 pass for each GiB;
those two are tuples, which C makes and hashes.

Three ranges of numbers come by all the time: ``piece`` is an index into the torrent's pieces,
``begin`` a byte offset inside that piece, ``length`` a count of bytes. Nothing here knows how many
pieces there are, so none of them is checked against the torrent; the swarm does that.
"""

from __future__ import annotations

from typing import ClassVar, Final, NamedTuple, TypeAlias

from dht.core.messages import message

PROTOCOL: Final = b"\x13BitTorrent protocol"
"""What every handshake begins with: "character nineteen (decimal) followed by the string"."""

_EXTENDED: Final = (5, 0x10)  # BEP 10: "bit 20 from the right, counting starts at 0"
_V2: Final = (7, 0x10)  # BEP 52: "the 4th most significant bit in the last byte"
_FAST: Final = (7, 0x04)  # BEP 6: "the third least significant bit of the last reserved byte"
_DHT: Final = (7, 0x01)  # BEP 5: "the last bit of the 8-byte reserved flags"


def reserved_bits(
    *, fast: bool = True, extended: bool = True, dht: bool = False, v2: bool = False
) -> bytes:
    """The eight reserved bytes of a handshake, saying what its sender speaks.

    ``v2``: the sender has a v2 infohash of this torrent (BEP 52, "upgrade path"). Set it for v2 and
    hybrid torrents only: libtorrent hangs up on it where it knows the torrent as v1.
    """
    flags = bytearray(8)
    for wanted, (at, bit) in ((fast, _FAST), (extended, _EXTENDED), (dht, _DHT), (v2, _V2)):
        flags[at] |= bit if wanted else 0
    return bytes(flags)


@message
class Handshake:
    """The first 68 bytes each way (BEP 3).

    Attributes:
        infohash: Which torrent; a v2 torrent's is the first 20 bytes of its SHA-256. To a hybrid's
            v1 infohash with the :attr:`v2` flag libtorrent answers with its v2 one.
        peer_id: What the sender calls itself, 20 bytes; see :mod:`torrent.core.peerid`.
        reserved: Eight bytes of flags, read by the properties.
    """

    infohash: bytes
    peer_id: bytes
    reserved: bytes = bytes(8)

    @property
    def fast(self) -> bool:
        """It speaks the fast extension (BEP 6)."""
        return self._says(_FAST)

    @property
    def extended(self) -> bool:
        """It speaks the extension protocol (BEP 10)."""
        return self._says(_EXTENDED)

    @property
    def dht(self) -> bool:
        """It runs a DHT node and will say at which port (BEP 5)."""
        return self._says(_DHT)

    @property
    def v2(self) -> bool:
        """It can be spoken to in v2 (BEP 52)."""
        return self._says(_V2)

    def _says(self, flag: tuple[int, int]) -> bool:
        at, bit = flag
        return self.reserved[at] & bit != 0


@message
class KeepAlive:
    """Nothing to say, but still there: "generally sent once every two minutes" (BEP 3)."""


@message
class Choke:
    """I answer no requests of yours. With BEP 6, those pending are each rejected."""

    KIND: ClassVar[int] = 0


@message
class Unchoke:
    """I answer your requests."""

    KIND: ClassVar[int] = 1


@message
class Interested:
    """You have something I want."""

    KIND: ClassVar[int] = 2


@message
class NotInterested:
    """You have nothing I want."""

    KIND: ClassVar[int] = 3


@message
class Have:
    """I have ``piece`` now: downloaded, and its hash checked."""

    piece: int
    KIND: ClassVar[int] = 4


@message
class BitfieldMessage:
    """What I have, as the first message: :meth:`~torrent.core.bitfield.Bitfield.from_bytes`."""

    data: bytes
    KIND: ClassVar[int] = 5


class _Request(NamedTuple):
    piece: int
    begin: int
    length: int


class Request(_Request):
    """Send me this block."""

    __slots__ = ()
    KIND: ClassVar[int] = 6


class _Block(NamedTuple):
    piece: int
    begin: int
    data: memoryview


class Block(_Block):
    """A block of a piece, which BEP 3 confusingly calls ``piece``.

    ``data`` looks into the bytes that were received, and is good until the next ones are.
    """

    __slots__ = ()
    KIND: ClassVar[int] = 7


@message
class Cancel:
    """I no longer need this block (BEP 3, "endgame mode")."""

    piece: int
    begin: int
    length: int
    KIND: ClassVar[int] = 8


@message
class Port:
    """My DHT node listens at this UDP port (BEP 5)."""

    port: int
    KIND: ClassVar[int] = 9


@message
class Suggest:
    """You might like to fetch this piece: it is in my cache (BEP 6)."""

    piece: int
    KIND: ClassVar[int] = 13


@message
class HaveAll:
    """I am a seed (BEP 6); stands in the place of the bitfield."""

    KIND: ClassVar[int] = 14


@message
class HaveNone:
    """I have nothing yet (BEP 6); stands in the place of the bitfield."""

    KIND: ClassVar[int] = 15


@message
class Reject:
    """I shall not answer this request (BEP 6)."""

    piece: int
    begin: int
    length: int
    KIND: ClassVar[int] = 16


@message
class AllowedFast:
    """You may have this piece even while I choke you (BEP 6)."""

    piece: int
    KIND: ClassVar[int] = 17


@message
class Extended:
    """A message of an extension (BEP 10), still packed.

    Attributes:
        id: 0 for the handshake; else the number that its *receiver* gave the extension.
        payload: What the readers of :mod:`torrent.core.wire.extensions` take.
    """

    id: int
    payload: bytes
    KIND: ClassVar[int] = 20


@message
class HashRequest:
    """Send me hashes of a file's tree (BEP 52).

    Attributes:
        root: The file's ``pieces root``, 32 bytes.
        base: The lowest layer asked for; 0 is that of the leaves, the 16 KiB blocks.
        index: The first hash wanted, counted in that layer.
        length: How many: "a power of two", at least two; "SHOULD NOT be greater than 512".
        proofs: "Number of ancestor layers to include".
    """

    root: bytes
    base: int
    index: int
    length: int
    proofs: int
    KIND: ClassVar[int] = 21


@message
class Hashes:
    """The answer to a :class:`HashRequest`, whose fields it repeats.

    ``hashes`` holds 32 bytes each: the layer's, then the uncles needed to prove them.
    """

    root: bytes
    base: int
    index: int
    length: int
    proofs: int
    hashes: bytes
    KIND: ClassVar[int] = 22


@message
class HashReject:
    """I shall not answer this :class:`HashRequest`, whose fields it repeats."""

    root: bytes
    base: int
    index: int
    length: int
    proofs: int
    KIND: ClassVar[int] = 23


Message: TypeAlias = (
    Handshake
    | KeepAlive
    | Choke
    | Unchoke
    | Interested
    | NotInterested
    | Have
    | BitfieldMessage
    | Request
    | Block
    | Cancel
    | Port
    | Suggest
    | HaveAll
    | HaveNone
    | Reject
    | AllowedFast
    | Extended
    | HashRequest
    | Hashes
    | HashReject
)
