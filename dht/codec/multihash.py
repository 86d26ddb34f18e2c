"""Hashes that say how they were made: ``<function code><length><digest>``.

A strict reader and a few makers over ``py-multihash``, which owns the table of functions and the
:class:`multihash.Multihash` value. Its own ``decode`` is lenient where a content address must not
be: it takes padded varints (so one hash has many spellings), any digest length (a SHA-1 of 60
bytes), and lets ``TypeError`` out for data that stops early. The reader here checks the bytes
first and lets only :class:`~dht.codec.varint.MalformedError` out.

Digests *shorter* than the function's are legal, the specification's own test cases are full of
them: whoever needs a whole one asks for its length.

``py-multihash`` refuses an empty digest, so the identity hash of nothing (``00 00``) is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, cast

import multihash as library
from multihash.constants import CODE_HASHES, HASH_LENGTHS

from dht.codec.varint import MalformedError
from dht.codec.varint import decode_untrusted as varint

if TYPE_CHECKING:
    from collections.abc import Mapping

IDENTITY: Final = 0x00
SHA1: Final = 0x11
SHA2_256: Final = 0x12

MAX_IDENTITY: Final = 512
"""Bytes of the digests that have no length of their own, identity first of all. Real ones carry a
public key or a small block; without a bound they could smuggle any amount of data in a name."""

_LENGTHS: Mapping[int, int | None] = HASH_LENGTHS


class Multihash(Protocol):
    """What we use of :class:`multihash.Multihash`, which carries no type information."""

    @property
    def code(self) -> int:
        """The hash function's number."""

    @property
    def name(self) -> str:
        """Its name in the multicodec table."""

    @property
    def digest(self) -> bytes:
        """What the function gave, perhaps truncated."""

    def encode(self) -> bytes:
        """Write it."""


def decode_untrusted(data: bytes) -> Multihash:
    """Read a multihash that fills ``data`` entirely.

    Raises:
        MalformedError: It is not one: unknown function, wrong length, padded numbers.
    """
    code, at = varint(data)
    length, at = varint(data, at)
    if code not in CODE_HASHES:
        raise MalformedError(f"unknown hash function 0x{code:x}")
    if length != len(data) - at:
        raise MalformedError(f"the digest has {len(data) - at} bytes where {length} are announced")
    if not 0 < length <= (_LENGTHS[code] or MAX_IDENTITY):
        raise MalformedError(f"a digest of {CODE_HASHES[code]} cannot have {length} bytes")
    return cast("Multihash", library.decode(data))


def encode(code: int, digest: bytes) -> bytes:
    """Write a digest that function ``code`` made."""
    return cast("bytes", library.encode(digest, code))


def digest(data: bytes, function: str, length: int | None = None) -> Multihash:
    """Hash ``data`` with ``function`` (a name such as ``sha2-256``), truncated to ``length``.

    Raises:
        MalformedError: The function has a number, but nothing here computes it.
    """
    try:
        return cast("Multihash", library.digest(data, library.coerce_code(function), length))
    except (library.MultihashError, LookupError, ValueError) as error:
        raise MalformedError(f"cannot compute {function} here") from error


def matches(multihash: bytes, data: bytes) -> bool:
    """Whether ``data`` hashes to ``multihash``; False also for a multihash that is none.

    Raises:
        MalformedError: The multihash is well formed, but its function is not at hand here.
    """
    try:
        parsed = decode_untrusted(multihash)
    except MalformedError:
        return False
    whole = digest(data, parsed.name).digest
    # A truncated identity hash would match everything that begins alike: it has no short form.
    compared = whole if parsed.code == IDENTITY else whole[: len(parsed.digest)]
    return compared == parsed.digest


def to_base58(multihash: bytes) -> str:
    """Write a multihash as libp2p writes peer ids."""
    return cast("str", library.to_b58_string(multihash))


def parse_base58_untrusted(text: str) -> Multihash:
    """Read a multihash written in base58, such as a peer id.

    Raises:
        MalformedError: It is not one.
    """
    if len(text) > 2 * MAX_IDENTITY:
        raise MalformedError("a base58 multihash is not that long")
    try:
        data = cast("bytes", library.from_b58_string(text))
    except ValueError as error:
        raise MalformedError("the text is not base58") from error
    return decode_untrusted(data)
