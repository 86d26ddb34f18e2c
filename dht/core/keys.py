"""Points of the id space and the XOR metric over them (Maymounkov & Mazières 2002, section 2).

A key is a plain ``int``. Nearly every operation of Kademlia on keys is an XOR, a comparison or a
bit length, and Python's integers do all three faster than any class of ours could. What an
integer cannot say is how wide its space is: 160 bits for Mainline (node ids and infohashes),
256 for Amino (SHA-256 of a peer id). Whoever needs the width holds a :class:`KeySpace`.

The XOR metric is what makes the rest work: it is symmetric, satisfies the triangle inequality,
and for a given key and distance there is exactly one other key, so lookups for a target converge
on one path from everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NewType

if TYPE_CHECKING:
    from random import Random

Key = NewType("Key", int)
"""A point of the id space; its width is known to the :class:`KeySpace` of the network."""


class KeySpace:
    """The space of keys of ``bits`` bits, and the operations that need to know its width."""

    __slots__ = ("bits", "size")

    def __init__(self, bits: int) -> None:
        if bits <= 0 or bits % 8:
            raise ValueError(f"a key space is a whole number of bytes wide, not {bits} bits")
        self.bits: Final = bits
        self.size: Final = bits // 8

    def __repr__(self) -> str:
        return f"KeySpace({self.bits})"

    def from_bytes(self, data: bytes) -> Key:
        """Read a big-endian key.

        Raises:
            ValueError: ``data`` is not exactly as wide as the space.
        """
        if len(data) != self.size:
            raise ValueError(f"a key has {self.size} bytes, not {len(data)}")
        return Key(int.from_bytes(data, "big"))

    def to_bytes(self, key: Key) -> bytes:
        """Write ``key`` big-endian, as wide as the space."""
        return key.to_bytes(self.size, "big")

    def prefix_length(self, a: Key, b: Key) -> int:
        """How many leading bits ``a`` and ``b`` share; ``bits`` when they are equal."""
        return self.bits - (a ^ b).bit_length()

    def draw(self, rng: Random) -> Key:
        """Draw a key uniformly."""
        return Key(rng.getrandbits(self.bits))

    def draw_sharing(self, key: Key, length: int, rng: Random) -> Key:
        """Draw a key that shares exactly ``length`` leading bits with ``key``.

        This is a uniform draw from the range of bucket ``length`` of the node ``key``, which is
        what a random walk that refreshes that bucket looks up (paper, section 2.3).
        ``length == bits`` leaves only ``key`` itself.
        """
        free = self.bits - length
        if free == 0:
            return key
        flipped = key ^ (1 << (free - 1))
        return Key(flipped ^ rng.getrandbits(free - 1) if free > 1 else flipped)

    def draw_under(self, prefix: Key, length: int, rng: Random) -> Key:
        """Draw a key whose first ``length`` bits are those of ``prefix``, the rest uniform."""
        free = self.bits - length
        return Key((prefix >> free << free) | rng.getrandbits(free)) if free else prefix


MAINLINE_SPACE: Final = KeySpace(160)
AMINO_SPACE: Final = KeySpace(256)


def distance(a: Key, b: Key) -> int:
    """The XOR of two keys read as a number: Kademlia's metric."""
    return a ^ b
