"""What travels inside extended messages (BEP 10): one table of names, readers and writers.

Each side numbers the extensions it speaks, and is spoken to by its own numbers: ours are
:data:`EXTENSION_IDS`, theirs come in their :class:`ExtensionHandshake`. So :func:`read_extended`
needs nothing but the message, and :func:`encode_extended` the receiver's table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from dht.core.messages import message
from torrent.core.wire.encoder import encode
from torrent.core.wire.greeting import (
    ExtensionHandshake,
    encode_extension_handshake,
    read_extension_handshake,
)
from torrent.core.wire.holepunch import Holepunch, encode_holepunch, read_holepunch
from torrent.core.wire.messages import Extended
from torrent.core.wire.ut_metadata import (
    MetadataData,
    MetadataMessage,
    MetadataReject,
    MetadataRequest,
    encode_metadata,
    read_metadata,
)
from torrent.core.wire.ut_pex import Pex, encode_pex, read_pex
from torrent.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXTENSION_IDS: Final[dict[str, int]] = {
    "ut_pex": 1,
    "ut_metadata": 2,
    "upload_only": 3,
    "ut_holepunch": 4,
    "lt_donthave": 7,
}
"""The numbers by which we want to be spoken to: what a handshake of ours says, less what the
torrent or the settings forbid. They are libtorrent's, so that even a peer that mixes up whose
numbers count is understood."""

_PIECE_SIZE: Final = 4


@message
class DontHave:
    """I no longer have ``piece`` (BEP 54, ``lt_donthave``)."""

    piece: int


@message
class UploadOnly:
    """I download nothing (any more), or I do (BEP 21, as a message between handshakes)."""

    flag: bool


ExtensionMessage: TypeAlias = (
    ExtensionHandshake | MetadataMessage | Pex | DontHave | Holepunch | UploadOnly
)


def read_dont_have(payload: bytes) -> DontHave:
    """Read ``lt_donthave``: "The payload is a 32-bit integer", a piece.

    Raises:
        WireError: It has another length.
    """
    if len(payload) != _PIECE_SIZE:
        raise WireError(f"the peer's lt_donthave message has {len(payload)} bytes instead of 4")
    return DontHave(int.from_bytes(payload, "big"))


def read_upload_only(payload: bytes) -> UploadOnly:
    """Read libtorrent's ``upload_only``: one byte, not zero for yes.

    Raises:
        WireError: It has another length.
    """
    if len(payload) != 1:
        raise WireError(f"the peer's upload_only message has {len(payload)} bytes instead of 1")
    return UploadOnly(payload != b"\0")


class _Extension(NamedTuple):
    """How an extension's messages are read and written."""

    read: Callable[[bytes], ExtensionMessage | None]
    write: Callable[[Any], bytes]
    messages: tuple[type, ...]


_EXTENSIONS: Final = {
    "ut_metadata": _Extension(
        read_metadata, encode_metadata, (MetadataRequest, MetadataData, MetadataReject)
    ),
    "ut_pex": _Extension(read_pex, encode_pex, (Pex,)),
    "ut_holepunch": _Extension(read_holepunch, encode_holepunch, (Holepunch,)),
    "lt_donthave": _Extension(
        read_dont_have, lambda gone: gone.piece.to_bytes(_PIECE_SIZE, "big"), (DontHave,)
    ),
    "upload_only": _Extension(read_upload_only, lambda only: bytes((only.flag,)), (UploadOnly,)),
}

_READERS: Final = {EXTENSION_IDS[name]: extension.read for name, extension in _EXTENSIONS.items()}
_NAMES: Final = {kind: name for name, what in _EXTENSIONS.items() for kind in what.messages}


def read_extended(extended: Extended) -> ExtensionMessage | None:
    """What ``extended`` says; ``None`` if it is of an extension or a type we never heard of.

    Raises:
        WireError: It is malformed.
    """
    if extended.id == 0:
        return read_extension_handshake(extended.payload)
    reader = _READERS.get(extended.id)
    return None if reader is None else reader(extended.payload)


def encode_extended(said: ExtensionMessage, theirs: Mapping[str, int]) -> bytes | None:
    """The bytes of ``said``, length prefix included, for a peer that numbers as ``theirs``.

    ``None`` if the peer does not speak that extension. A handshake is understood by all.
    """
    if isinstance(said, ExtensionHandshake):
        return encode(Extended(0, encode_extension_handshake(said)))
    name = _NAMES[type(said)]
    number = theirs.get(name)
    return encode(Extended(number, _EXTENSIONS[name].write(said))) if number else None
