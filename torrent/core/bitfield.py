"""Which pieces somebody has: a set of small integers that is cheap to keep, ask and send.

The bits lie as BEP 3 sends them, "the high bit in the first byte corresponding to piece index 0",
in a bytearray. The other obvious backing, one Python integer, compares two peers as fast, but each
``|= 1 << piece`` copies all of it, and so does each ``>> piece``. CPython 3.11, nanoseconds:

===================  ==========  ===========  ==========  ===========
pieces               add, int    add, array   in, int     in, array
===================  ==========  ===========  ==========  ===========
1,000                        96          101          97          117
100,000                     562          111        1020          124
===================  ==========  ===========  ==========  ===========

Whole sets are compared as integers made on the spot (:meth:`Bitfield.lacks`: 15 µs for 100,000
pieces): three passes over 12.5 kB, no loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from torrent.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MASKS: Final = (0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01)

_PLACES: Final = tuple(
    tuple(place for place, mask in enumerate(_MASKS) if byte & mask) for byte in range(256)
)
"""For every byte, the offsets of the pieces it stands for."""


class Bitfield:
    """A mutable set of piece indexes from 0 to ``count - 1``.

    Attributes:
        count: How many pieces the torrent has.
    """

    __slots__ = ("_bits", "_held", "count")

    def __init__(self, count: int, pieces: Iterable[int] = ()) -> None:
        self.count = count
        self._bits = bytearray((count + 7) // 8)
        self._held = 0
        for piece in pieces:
            self.add(piece)

    @classmethod
    def from_bytes(cls, data: bytes | memoryview, count: int) -> Bitfield:
        """Read the payload of BEP 3's ``bitfield``.

        Raises:
            WireError: It is not as long as ``count`` pieces need ("clients should drop the
                connection if they receive bitfields that are not of the correct size"), or "has
                any of the spare bits set".
        """
        if len(data) != (count + 7) // 8:
            raise WireError(
                f"the peer's bitfield has {len(data)} bytes; {count} pieces take {(count + 7) // 8}"
            )
        if count % 8 and data[-1] & (0xFF >> count % 8):
            raise WireError(f"the peer's bitfield sets bits beyond the last of {count} pieces")
        field = cls(0)
        field.count = count
        field._bits = bytearray(data)
        field._held = int.from_bytes(data, "big").bit_count()
        return field

    def to_bytes(self) -> bytes:
        """The payload of BEP 3's ``bitfield``; "spare bits at the end are set to zero"."""
        return bytes(self._bits)

    def copy(self) -> Bitfield:
        """Another set with the same pieces."""
        twin = Bitfield(0)
        twin.count, twin._held, twin._bits = self.count, self._held, self._bits[:]
        return twin

    def __len__(self) -> int:
        """How many pieces are in it."""
        return self._held

    @property
    def full(self) -> bool:
        """Whether every piece is in it: whoever has this is a seed."""
        return self._held == self.count

    def __contains__(self, piece: int) -> bool:
        """Whether ``piece`` is in it; nothing outside the torrent is."""
        return 0 <= piece < self.count and self._bits[piece >> 3] & _MASKS[piece & 7] != 0

    def __iter__(self) -> Iterator[int]:
        """The pieces in it, ascending. It may not change meanwhile."""
        return _places(self._bits)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Bitfield):
            return NotImplemented
        return self.count == other.count and self._bits == other._bits

    __hash__ = None  # type: ignore[assignment]  # it is mutable

    def __repr__(self) -> str:
        return f"<Bitfield {self._held} of {self.count}>"

    def add(self, piece: int) -> None:
        """Put ``piece`` in.

        Raises:
            IndexError: The torrent has no such piece. A peer's word is checked before.
        """
        if not 0 <= piece < self.count:
            raise IndexError(f"there is no piece {piece} among {self.count}")
        at, mask = piece >> 3, _MASKS[piece & 7]
        byte = self._bits[at]
        if not byte & mask:
            self._bits[at] = byte | mask
            self._held += 1

    def discard(self, piece: int) -> None:
        """Take ``piece`` out, if it is in."""
        if piece in self:
            self._bits[piece >> 3] ^= _MASKS[piece & 7]
            self._held -= 1

    def fill(self) -> None:
        """Put every piece in (BEP 6: Have All)."""
        self._bits[:] = b"\xff" * len(self._bits)
        if self.count % 8:
            self._bits[-1] = 0xFF ^ (0xFF >> self.count % 8)
        self._held = self.count

    def lacks(self, other: Bitfield) -> bool:
        """Whether ``other`` has a piece that is not in this one."""
        if self.full or not other._held:
            return False
        return other._held > self._held or self._beyond(other) != 0

    def missing_from(self, other: Bitfield) -> Iterator[int]:
        """The pieces that ``other`` has and this one has not, ascending, as of now."""
        return _places(self._beyond(other).to_bytes(len(self._bits), "big"))

    def _beyond(self, other: Bitfield) -> int:
        """The bits of ``other`` that are not set here."""
        return int.from_bytes(other._bits, "big") & ~int.from_bytes(self._bits, "big")


def _places(bits: bytes | bytearray) -> Iterator[int]:
    """The indexes of the bits that are set."""
    return (at * 8 + place for at, byte in enumerate(bits) if byte for place in _PLACES[byte])
