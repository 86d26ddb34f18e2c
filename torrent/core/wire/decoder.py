"""Bytes into messages: the receiving half of the peer wire, in the shape of h11.

A leecher at full speed hands over a megabyte at a time, sixty-four blocks; a seed 64 kB, four
thousand requests. So whole runs of blocks and of requests are read in one loop each, and a block's
data is a view of what was received: the only copy is the one into its piece. Everything else takes
the ordinary road, one table lookup a message.

A message that is split between two calls is the only one that is copied. Its length is judged as
soon as its kind is known (five bytes), by the limits of that kind, and what is kept of it grows
with what really arrives: a peer that claims four gigabytes costs nothing but its connection.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from torrent.core.wire.messages import (
    PROTOCOL,
    AllowedFast,
    BitfieldMessage,
    Block,
    Cancel,
    Choke,
    Extended,
    Handshake,
    Hashes,
    HashReject,
    HashRequest,
    Have,
    HaveAll,
    HaveNone,
    Interested,
    KeepAlive,
    NotInterested,
    Port,
    Reject,
    Request,
    Suggest,
    Unchoke,
)
from torrent.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torrent.core.wire.messages import Message

MAX_MESSAGE: Final = 1 << 20
"""Bytes after the length prefix. The longest honest message is the bitfield of the largest torrent
that libtorrent loads (2,097,152 pieces: 256 kB); a megabyte is also where libtorrent hangs up."""

MAX_BLOCK: Final = 16384
"""BEP 3: "All current implementations use 2^14 (16 kiB), and close connections which request an
amount greater than that"."""

HANDSHAKE_SIZE: Final = 68

_HASH_SIZE: Final = 32
_BLOCK, _REQUEST = Block.KIND, Request.KIND
_BLOCK_HEAD: Final = Struct(">IBII")
_REQUESTS: Final = Struct(">IBIII")
_LENGTH: Final = Struct(">I")


def read_handshake(data: bytes | bytearray | memoryview) -> Handshake | None:
    """Read the handshake that ``data`` begins with; ``None`` if more must come first.

    Raises:
        WireError: These are not the first bytes of one, however few they are.
    """
    greeting = bytes(data[: len(PROTOCOL)])
    if not PROTOCOL.startswith(greeting):
        raise WireError("the peer's first bytes are not BitTorrent's handshake")
    if len(data) < HANDSHAKE_SIZE:
        return None
    return Handshake(bytes(data[28:48]), bytes(data[48:68]), bytes(data[20:28]))


class Begun(NamedTuple):
    """A block of which not all has come.

    Attributes:
        piece, begin: Which.
        missing: How many bytes are still to come.
    """

    piece: int
    begin: int
    missing: int


class Decoder:
    """One direction of one connection.

    After a :class:`~torrent.errors.WireError` it is of no more use, as the connection is not.

    Attributes:
        limit: The longest message taken, in bytes after the length prefix.
        unknown: How many messages of kinds we do not know were skipped.
    """

    __slots__ = ("_greeting", "_most", "_rest", "limit", "unknown")

    def __init__(self, limit: int = MAX_MESSAGE, *, max_block: int = MAX_BLOCK) -> None:
        self.limit = limit
        self.unknown = 0
        self._most = 9 + max_block
        self._rest = bytearray()
        self._greeting = False

    def expect_handshake(self) -> None:
        """What comes next is a handshake; after it, messages."""
        self._greeting = True

    @property
    def pending(self) -> int:
        """Bytes kept of a message that is not complete."""
        return len(self._rest)

    @property
    def begun(self) -> Begun | None:
        """The block that ``pending`` bytes belong to, if they do and say so already."""
        if self._greeting or len(self._rest) < _BLOCK_HEAD.size:
            return None
        length, kind, piece, begin = _BLOCK_HEAD.unpack_from(self._rest)
        return Begun(piece, begin, 4 + length - len(self._rest)) if kind == _BLOCK else None

    def receive(self, data: bytes | bytearray | memoryview) -> list[Message]:
        """Every message that ``data`` completes, in order.

        The blocks among them look into ``data``: use them before it is overwritten.

        Raises:
            WireError: The peer broke the protocol; messages before that are lost with it.
        """
        messages: list[Message] = []
        view, at = memoryview(data), 0
        if self._rest or self._greeting:
            at = self._complete(view, messages)
        at = self._drain(view, at, messages)
        if at < len(view):
            self._rest += view[at:]
        return messages

    def _complete(self, view: memoryview, messages: list[Message]) -> int:
        """Add to the message that began earlier; return how much of ``view`` that took."""
        rest, at = self._rest, 0
        while (missing := self._missing(rest)) and at < len(view):
            rest += view[at : at + missing]
            at += missing
        if missing:
            return len(view)
        self._rest = bytearray()  # a new one: blocks may look into the old one
        if self._greeting:
            self._greeting = False
            messages += filter(None, [read_handshake(rest)])
        else:
            self._drain(memoryview(rest), 0, messages)
        return at

    def _missing(self, rest: bytearray) -> int:
        """How many more bytes to wait for before ``rest`` can be judged, or is whole."""
        have = len(rest)
        if self._greeting:
            read_handshake(rest)
            return HANDSHAKE_SIZE - have
        if have < 4:  # noqa: PLR2004 - the length
            return 4 - have
        missing = self._end(rest, 0) - have
        return min(missing, 1) if have == 4 else missing  # noqa: PLR2004 - then the kind

    def _end(self, data: memoryview | bytearray, at: int) -> int:
        """Where the message at ``at`` will end; judges its length once its kind is there."""
        (length,) = _LENGTH.unpack_from(data, at)
        if length > self.limit:
            raise WireError(f"the peer announces a message of {length} bytes; {self.limit} at most")
        if length and at + 4 < len(data):
            self._judge(data[at + 4], length)
        end: int = at + 4 + length
        return end

    def _judge(self, kind: int, length: int) -> None:
        """Refuse a length that messages of this kind cannot have."""
        name, least, most = _LENGTHS.get(kind, _ANY)
        most = self._most if kind == _BLOCK else min(most, self.limit)
        if not least <= length <= most:
            takes = f"{least} to {most}" if least < most else f"{least}"
            raise WireError(f"the peer's {name} has {length} bytes; it takes {takes}")

    def _drain(self, view: memoryview, at: int, messages: list[Message]) -> int:
        """Read every whole message from ``at`` on; return where the incomplete one begins."""
        size = len(view)
        while at + 4 <= size and (end := self._end(view, at)) <= size:
            kind = view[at + 4] if end > at + 4 else None
            if kind == _BLOCK:
                at = self._blocks(view, at, messages)
            elif kind == _REQUEST:
                at = self._requests(view, at, messages)
            else:
                self._other(kind, view[at + 5 : end], messages)
                at = end
        return at

    def _blocks(self, view: memoryview, at: int, messages: list[Message]) -> int:
        """Read blocks as long as nothing else comes."""
        new = tuple.__new__  # As NamedTuple's own, without the call in between.
        head, append = _BLOCK_HEAD.unpack_from, messages.append
        size, most = len(view), self._most
        while at + 13 <= size:
            length, kind, piece, begin = head(view, at)
            end = at + 4 + length
            if kind != _BLOCK or end > size or not 9 <= length <= most:  # noqa: PLR2004
                break
            append(new(Block, (piece, begin, view[at + 13 : end])))
            at = end
        return at

    def _requests(self, view: memoryview, at: int, messages: list[Message]) -> int:
        """Read requests as long as nothing else comes."""
        new, append, whole = tuple.__new__, messages.append, (len(view) - at) // 17 * 17
        for length, kind, piece, begin, size in _REQUESTS.iter_unpack(view[at : at + whole]):
            if kind != _REQUEST or length != 13:  # noqa: PLR2004
                break
            append(new(Request, (piece, begin, size)))
            at += 17
        return at

    def _other(self, kind: int | None, body: memoryview, messages: list[Message]) -> None:
        """Read one message of any other kind."""
        if kind is None:
            messages.append(_KEEP_ALIVE)
        elif (read := _READERS.get(kind)) is not None:
            messages.append(read(body))
        else:
            self.unknown += 1


_KEEP_ALIVE: Final = KeepAlive()

_ANY: Final = ("message", 1, 1 << 32)

_LENGTHS: Final[dict[int, tuple[str, int, int]]] = {
    **{kind.KIND: (kind.__name__, 1, 1) for kind in (Choke, Unchoke, Interested, NotInterested)},
    **{kind.KIND: (kind.__name__, 1, 1) for kind in (HaveAll, HaveNone)},
    **{kind.KIND: (kind.__name__, 5, 5) for kind in (Have, Suggest, AllowedFast)},
    **{kind.KIND: (kind.__name__, 13, 13) for kind in (Request, Cancel, Reject)},
    **{kind.KIND: (kind.__name__, 49, 49) for kind in (HashRequest, HashReject)},
    Hashes.KIND: ("Hashes", 49, 1 << 32),
    BitfieldMessage.KIND: ("Bitfield", 1, 1 << 32),
    Block.KIND: ("Block", 9, 1 << 32),
    Port.KIND: ("Port", 3, 3),
    Extended.KIND: ("Extended", 2, 1 << 32),
}
"""For each kind: what to call it, its least and its greatest length, the kind's byte included."""


def _constant(message: Message) -> Callable[[memoryview], Message]:
    return lambda _body: message


def _struct(make: Callable[..., Message], layout: str) -> Callable[[memoryview], Message]:
    unpack = Struct(layout).unpack
    return lambda body: make(*unpack(body))


_TREE: Final = Struct(">32sIIII")


def _hashes(body: memoryview) -> Message:
    """Read BEP 52's ``hashes``; how many there must be follows from the fields before them.

    ``length`` hashes of one layer make up a subtree, whose root the receiver computes. Of the
    ancestor layers asked for, those inside the subtree need no uncle: "omitted".
    """
    root, base, index, length, proofs = _TREE.unpack_from(body)
    hashes = bytes(body[_TREE.size :])
    uncles = max(0, proofs + 1 - (length - 1).bit_length())
    if len(hashes) != (length + uncles) * _HASH_SIZE:
        raise WireError(
            f"the peer sends {len(hashes)} bytes of hashes;"
            f" {length} and {uncles} uncles take {(length + uncles) * _HASH_SIZE}"
        )
    return Hashes(root, base, index, length, proofs, hashes)


_READERS: Final[dict[int, Callable[[memoryview], Message]]] = {
    **{
        made.KIND: _constant(made)
        for made in (Choke(), Unchoke(), Interested(), NotInterested(), HaveAll(), HaveNone())
    },
    **{make.KIND: _struct(make, ">I") for make in (Have, Suggest, AllowedFast)},
    **{make.KIND: _struct(make, ">III") for make in (Cancel, Reject)},
    **{make.KIND: _struct(make, ">32sIIII") for make in (HashRequest, HashReject)},
    Hashes.KIND: _hashes,
    BitfieldMessage.KIND: lambda body: BitfieldMessage(bytes(body)),
    Port.KIND: _struct(Port, ">H"),
    Extended.KIND: lambda body: Extended(body[0], bytes(body[1:])),
}
