"""BEP 9: the info dictionary in pieces of 16 KiB, for those who came with a magnet link.

A message is a dictionary; behind the one that brings data, in the same message, lies the data:
"the length of the metadata piece", 16 KiB but for the last. How to put pieces together, and whom
to blame when they do not fit, is :mod:`torrent.core.metadata`.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from dht.codec.bencode import encode, leading_value
from dht.core.messages import message
from torrent.core.wire.fields import integer, read_fields
from torrent.core.wire.greeting import MAX_METADATA
from torrent.errors import WireError

METADATA_PIECE: Final = 16384

_LAST_PIECE: Final = MAX_METADATA // METADATA_PIECE - 1
_REQUEST, _DATA, _REJECT = range(3)
_WHAT: Final = "ut_metadata message"


@message
class MetadataRequest:
    """Send me this piece of the info dictionary."""

    piece: int


@message
class MetadataData:
    """A piece of the info dictionary, whose size in bytes is ``total``."""

    piece: int
    total: int
    data: bytes


@message
class MetadataReject:
    """I shall not send this piece: I have no metadata, or you ask too much."""

    piece: int


MetadataMessage: TypeAlias = MetadataRequest | MetadataData | MetadataReject


def metadata_piece_size(total: int, piece: int) -> int:
    """Bytes of ``piece`` of metadata of ``total`` bytes; not positive if there is no such piece."""
    return min(METADATA_PIECE, total - piece * METADATA_PIECE)


def read_metadata(payload: bytes) -> MetadataMessage | None:
    """Read a ``ut_metadata`` message; ``None`` for a type nobody knows ("MUST be ignored").

    Raises:
        WireError: It is none, speaks of a piece that metadata of at most 32 MiB cannot have, or
            brings more or less data than the piece has.
    """
    raw = leading_value(payload)
    if raw is None:
        raise WireError(f"the peer's {_WHAT} does not begin with a bencoded dictionary")
    fields, data = read_fields(raw, _WHAT), payload[len(raw) :]
    kind = integer(fields, b"msg_type", 0xFF, _WHAT)
    if kind > _REJECT:
        return None
    piece = integer(fields, b"piece", _LAST_PIECE, _WHAT)
    if kind == _DATA:
        total = integer(fields, b"total_size", MAX_METADATA, _WHAT)
        _check_size(len(data), metadata_piece_size(total, piece))
        return MetadataData(piece, total, data)
    _check_size(len(data), 0)
    return MetadataRequest(piece) if kind == _REQUEST else MetadataReject(piece)


def _check_size(size: int, expected: int) -> None:
    """Refuse another amount of data than the message's fields say."""
    if size != expected:
        raise WireError(f"the peer's {_WHAT} carries {size} bytes; {max(0, expected)} belong there")


def encode_metadata(reply: MetadataMessage) -> bytes:
    """The payload of a ``ut_metadata`` message."""
    match reply:
        case MetadataRequest(piece):
            return encode({b"msg_type": _REQUEST, b"piece": piece})
        case MetadataReject(piece):
            return encode({b"msg_type": _REJECT, b"piece": piece})
        case MetadataData(piece, total, data):
            return encode({b"msg_type": _DATA, b"piece": piece, b"total_size": total}) + data
