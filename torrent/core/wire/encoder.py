"""Messages into bytes.

Blocks have a second way out, :func:`block_header`: a seed sends those 13 bytes and lets the kernel
send the file, so that the block never enters this process. Requests leave in batches
(:func:`encode_requests`), because a leecher refills a quarter of its window at a time.
"""

from __future__ import annotations

from operator import attrgetter
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torrent.core.wire.messages import Message

_BLOCK_HEAD: Final = Struct(">IBII")
_REQUEST: Final = Struct(">IBIII")
_PREFIX: Final = Struct(">IB")
_PORT: Final = Struct(">IBH")
_PIECE: Final = Struct(">IBI")
_HASHES: Final = Struct(">IB32sIIII")

_tree_range: Final = attrgetter("root", "base", "index", "length", "proofs")


def encode(message: Message) -> bytes:
    """The bytes of ``message``, length prefix included.

    Raises:
        struct.error: A number does not fit its field. That is our bug: none comes from a peer.
    """
    return _ENCODERS[type(message)](message)


def encode_requests(blocks: Iterable[tuple[int, int, int]]) -> bytes:
    """Many requests at once, each ``(piece, begin, length)``: 0.1 µs apiece."""
    pack = _REQUEST.pack
    return b"".join([pack(13, 6, piece, begin, length) for piece, begin, length in blocks])


BLOCK_HEADER: Final = _BLOCK_HEAD.size
"""Bytes of what goes before a block: length, kind, piece, begin."""


def block_header(piece: int, begin: int, length: int) -> bytes:
    """What goes before the ``length`` bytes of a block: 13 bytes."""
    return _BLOCK_HEAD.pack(9 + length, Block.KIND, piece, begin)


def write_block_header(buffer: memoryview, at: int, piece: int, begin: int, length: int) -> None:
    """Put the same where it is to go out from."""
    _BLOCK_HEAD.pack_into(buffer, at, 9 + length, Block.KIND, piece, begin)


def _bare(message: Any) -> bytes:
    return _PREFIX.pack(1, message.KIND)


def _of_piece(message: Any) -> bytes:
    return _PIECE.pack(5, message.KIND, message.piece)


def _of_block(message: Any) -> bytes:
    return _REQUEST.pack(13, message.KIND, message.piece, message.begin, message.length)


def _of_tree(message: Any, hashes: bytes = b"") -> bytes:
    return _HASHES.pack(49 + len(hashes), message.KIND, *_tree_range(message)) + hashes


def _handshake(message: Handshake) -> bytes:
    return PROTOCOL + message.reserved + message.infohash + message.peer_id


def _block(message: Block) -> bytes:
    data = message.data
    return block_header(message.piece, message.begin, len(data)) + data


def _extended(message: Extended) -> bytes:
    return _PREFIX.pack(2 + len(message.payload), 20) + bytes((message.id,)) + message.payload


_ENCODERS: Final[dict[type, Callable[[Any], bytes]]] = {
    Handshake: _handshake,
    KeepAlive: lambda _message: bytes(4),
    **dict.fromkeys((Choke, Unchoke, Interested, NotInterested, HaveAll, HaveNone), _bare),
    **dict.fromkeys((Have, Suggest, AllowedFast), _of_piece),
    **dict.fromkeys((Request, Cancel, Reject), _of_block),
    **dict.fromkeys((HashRequest, HashReject), _of_tree),
    Hashes: lambda message: _of_tree(message, message.hashes),
    BitfieldMessage: lambda message: _PREFIX.pack(1 + len(message.data), 5) + message.data,
    Block: _block,
    Port: lambda message: _PORT.pack(3, 9, message.port),
    Extended: _extended,
}
