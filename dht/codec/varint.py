"""Unsigned varints as multiformats write them, and the error of the multiformat readers.

An unsigned varint is LEB128: seven bits a byte, least significant group first, the top bit set on
every byte but the last. The multiformats specification (``unsigned-varint``) narrows it twice, so
that a number has exactly one encoding: at most nine bytes (63 bits), and no padding with zero
groups. Both rules matter here. A CID is compared and hashed by its bytes, so a second spelling of
the same numbers would be a second name for the same content; and the ``varint`` package that the
multiformat libraries stand on reads padded and endless numbers alike, which is why everything
that is not trusted passes this reader first.
"""

from __future__ import annotations

from typing import Final

MAX_LENGTH: Final = 9
"""Bytes: the specification's bound, 63 bits of number."""
_LOW: Final = 0x7F
"""The bits of a byte that carry number; the one above says that more follow."""


class MalformedError(ValueError):
    """Bytes or text that are not the multiformat they should be.

    The one error that leaves :mod:`dht.codec.varint`, :mod:`dht.codec.multihash` and
    :mod:`dht.codec.cid`, whatever the libraries below them raise.
    """


def encode(number: int) -> bytes:
    """Write ``number`` in as few bytes as it takes.

    Raises:
        ValueError: ``number`` is negative or wider than 63 bits: a mistake of the caller.
    """
    if not 0 <= number < 1 << 7 * MAX_LENGTH:
        raise ValueError(f"an unsigned varint holds 0 to 2^63-1, not {number}")
    groups = bytearray()
    while number > _LOW:
        groups.append(number & _LOW | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def decode_untrusted(data: bytes, offset: int = 0) -> tuple[int, int]:
    """Read the varint that starts at ``offset``.

    Returns:
        The number, and the offset of the byte after it.

    Raises:
        MalformedError: The data ends inside the number, or it is too long, or padded.
    """
    number = 0
    for index in range(MAX_LENGTH):
        if offset + index >= len(data):
            raise MalformedError("the data ends inside a number")
        byte = data[offset + index]
        number |= (byte & _LOW) << 7 * index
        if byte <= _LOW:
            if byte == 0 and index > 0:
                raise MalformedError("a number is padded with zeros")
            return number, offset + index + 1
    raise MalformedError(f"a number is longer than {MAX_LENGTH} bytes")
