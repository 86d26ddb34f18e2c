"""Content identifiers: what a thing is (codec), and a hash of it, in one self-describing name.

A thin strict layer over ``py-cid``, whose ``CIDv0`` and ``CIDv1`` objects are what the public API
takes and gives. The reading of text and bytes is guarded, because ``py-cid`` is made for friendly
input:

* ``from_bytes`` guesses whether bytes are a binary CID or text, and takes a *binary* version 0
  CID (``12 20 ...``) for base58 text. Here text and bytes have one door each.
* Any base58 multihash passes as version 0, a peer id for instance. The specification allows
  version 0 only for a whole sha2-256, 34 bytes, 46 characters that begin with ``Qm``.
* It reads padded varints, then strips the wrong number of bytes; it reads base32 with stray bits
  at the end. One content would have many names. Here what is read must, written again, give the
  same text.
* ``str(cid)`` of version 1 is base58 (``z...``); everybody shows base32 (``bafy...``), and names
  in base36 (``k51...``) so that they fit a DNS label. :func:`text` does that.

Only :class:`~dht.codec.varint.MalformedError` leaves the two readers.
"""

from __future__ import annotations

from typing import Final, Protocol, cast

import cid as library

from dht.codec import multihash
from dht.codec.varint import MalformedError
from dht.codec.varint import decode_untrusted as varint

RAW: Final = "raw"
DAG_PB: Final = "dag-pb"
BENCODE: Final = "bencode"
LIBP2P_KEY: Final = "libp2p-key"
TORRENT_INFO: Final = "torrent-info"

MAX_TEXT: Final = 1200
"""Characters: an identity CID of :data:`~dht.codec.multihash.MAX_IDENTITY` bytes in hexadecimal,
the longest encoding in use. The bound also keeps base58 and base36, which take quadratic time,
short of a millisecond."""


class Cid(Protocol):
    """What we use of ``cid.CIDv0`` and ``cid.CIDv1``, which carry no type information.

    They compare and hash by version, codec and multihash.
    """

    @property
    def version(self) -> int:
        """0 or 1."""

    @property
    def codec(self) -> str:
        """The name of the content's format in the multicodec table."""

    @property
    def multihash(self) -> bytes:
        """The hash of the content, with the number of its function."""

    @property
    def buffer(self) -> bytes:
        """The binary form."""

    def encode(self, encoding: str = ...) -> bytes:
        """Write it in a multibase encoding; version 0 knows base58 only."""


def make(codec: str, hashed: bytes) -> Cid:
    """Make a version 1 CID for content in format ``codec`` with multihash ``hashed``.

    Raises:
        MalformedError: ``hashed`` is not a multihash.
        ValueError: The multicodec table has no ``codec``: a mistake of the caller.
    """
    multihash.decode_untrusted(hashed)
    return cast("Cid", library.make_cid(1, codec, hashed))


def text(cid: Cid) -> str:
    """Write ``cid`` the way people expect to see it."""
    if cid.version == 0:
        return cid.encode().decode("ascii")
    return cid.encode("base36" if cid.codec == LIBP2P_KEY else "base32").decode("ascii")


def decode_untrusted(data: bytes) -> Cid:
    """Read a binary CID that fills ``data`` entirely.

    Raises:
        MalformedError: It is not one.
    """
    if data[:2] == b"\x12\x20":
        multihash.decode_untrusted(data)
        return cast("Cid", library.CIDv0(data))
    version, at = varint(data)
    if version != 1:
        raise MalformedError(f"there is no CID of version {version}")
    _, at = varint(data, at)
    multihash.decode_untrusted(data[at:])
    try:
        # Nothing is left to guess: the first byte is 1, which starts no text.
        return cast("Cid", library.from_bytes(data))
    except ValueError as error:
        raise MalformedError("the CID names a content format that is not in the table") from error


def parse_untrusted(written: str) -> Cid:
    """Read a CID from text, in any multibase encoding.

    Raises:
        MalformedError: It is not one, or it is not written the one way its encoding allows.
    """
    if not written.isascii() or not 0 < len(written) <= MAX_TEXT or "/ipfs/" in written:
        raise MalformedError("a CID is a short word of letters and digits")
    try:
        found = cast("Cid", library.from_string(written))
        encoding = library.extract_encoding(written)
    except (ValueError, TypeError) as error:
        # TypeError: the varint package stumbles over data that stops early.
        raise MalformedError("the text is not a CID") from error
    decode_untrusted(found.buffer)
    if found.encode(encoding).decode("ascii") != written:
        raise MalformedError("the text is a CID written in an unusual way")
    return found
