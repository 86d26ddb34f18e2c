"""Packs put together: many generations become one pack, which is read in one go.

A pack (gitformat-pack(5)) is a header, entries, and a checksum::

    "PACK"  version: 4 bytes  objects: 4 bytes  |  entries ...  |  SHA-1 or SHA-256 of all before

Entries refer to each other by id, or by how far *back* the other lies in the same pack. Neither
changes when entries of one pack are written behind those of another. So several packs are one: a
new header, their entries, a new checksum. What a thin pack refers to in an older one it then finds
in the same pack. Hence ``git index-pack`` runs once, on all cores, instead of once for each
generation; the repository gets one pack; and with ``--strict`` it has proved that everything in it
is connected, which otherwise takes another walk over all objects.

An object may be in one pack only once, and ``index-pack --strict`` insists on it. Generations are
made so that they share none (:mod:`torrent.git.making`).
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Final

from torrent.git.errors import PackError

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEADER: Final = struct.Struct(">4sII")
_MAGIC: Final = b"PACK"
_VERSION: Final = 2

LEAST_ENTRY: Final = 9
"""Bytes of the smallest entry: one that says what it is, and the shortest stream that zlib takes
for nothing (8 bytes)."""
MAX_OBJECTS: Final = (1 << 32) - 1
"""The header counts in 32 bits."""


def overhead(oid_size: int) -> int:
    """Bytes of a pack that are no entries."""
    return _HEADER.size + oid_size


class Joiner:
    """Writes several packs as one: :meth:`header`, then :meth:`feed` all of each, then the end.

    Args:
        object_format: Which checksum.
        packs: Bytes and objects of each, in their order.
    """

    def __init__(self, object_format: str, packs: Sequence[tuple[int, int]]) -> None:
        self._digest = hashlib.new(object_format, usedforsecurity=False)
        self._trailer = self._digest.digest_size
        self._packs = list(packs)
        self._number = -1
        self._head = b""
        self._left = 0

    def header(self) -> bytes:
        """The first bytes.

        Raises:
            PackError: There are more objects than a pack can hold.
        """
        objects = sum(objects for _, objects in self._packs)
        if objects > MAX_OBJECTS:
            raise PackError(f"{objects} objects do not fit into one pack")
        return self._hashed(_HEADER.pack(_MAGIC, _VERSION, objects))

    def begin(self) -> None:
        """Begin with the next pack."""
        self._check_end()
        self._number += 1
        self._head = b""
        self._left = self._packs[self._number][0] - self._trailer

    def feed(self, data: bytes) -> bytes:
        """Take some bytes of a pack; what is to be written for them.

        Raises:
            PackError: It does not begin as the pack that it should be.
        """
        if len(self._head) < _HEADER.size:
            taken = _HEADER.size - len(self._head)
            self._head += data[:taken]
            data = data[taken:]
            if len(self._head) < _HEADER.size:
                return b""
            self._check_head()
            self._left -= _HEADER.size
        entries = data[: max(self._left, 0)]
        self._left -= len(data)
        return self._hashed(entries)

    def end(self) -> bytes:
        """The last bytes.

        Raises:
            PackError: The last pack was not given whole.
        """
        self._check_end()
        return self._digest.digest()

    def _check_head(self) -> None:
        magic, version, objects = _HEADER.unpack(self._head)
        expected = self._packs[self._number][1]
        if (magic, version, objects) != (_MAGIC, _VERSION, expected):
            raise PackError(
                f"generation {self._number} is no pack of {expected} objects: its publisher's fault"
            )

    def _check_end(self) -> None:
        if self._number >= 0 and self._left != -self._trailer:
            raise PackError(f"generation {self._number} has not the length that it should have")

    def _hashed(self, data: bytes) -> bytes:
        self._digest.update(data)
        return data


def joined_places(packs: Sequence[tuple[int, int]], oid_size: int) -> list[int]:
    """Where in the joined pack the entries of each pack end."""
    at, ends = _HEADER.size, []
    for length, _ in packs:
        at += length - overhead(oid_size)
        ends.append(at)
    return ends
