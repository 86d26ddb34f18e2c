"""Which pieces on disk may be served as they are.

Trust is earned by hashing in this run, and lost by any change to a file that was not our own. What
somebody else did is noticed by looking at the file (:mod:`torrent.io.watch`) at most once a second
while it is served: between two looks a change goes unnoticed, and the receiver's hash finds it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from torrent.core.bitfield import Bitfield
from torrent.io.places import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torrent.core.metainfo import Info
    from torrent.io.access import Access
    from torrent.io.files import OpenFile

LOOK: Final = 1.0
"""Seconds between two looks at a file that is being served."""


class Trust:
    """The trust in one torrent's pieces. To be used on the event loop.

    Attributes:
        pieces: Those that may be served.
    """

    def __init__(self, info: Info, access: Access) -> None:
        self.pieces: Final = Bitfield(info.piece_count)
        self._info: Final = info
        self._access: Final = access
        self._looked: dict[int, float] = {}

    def believe(self, pieces: Iterable[int], changes: int) -> None:
        """Trust pieces that were hashed, unless a file has changed since that began."""
        self.settle()
        if changes == self._access.watch.changes:
            for piece in pieces:
                self.pieces.add(piece)

    def unchanged(self, index: int, file: OpenFile, *, at_once: bool = False) -> bool:
        """Look at a file that is being served, once in a while or ``at_once``."""
        now = time.monotonic()
        if not at_once and now < self._looked.get(index, 0.0):
            return True
        self._looked[index] = now + LOOK
        self._access.watch.look(index, file)
        return not self.settle()

    def settle(self) -> bool:
        """Take back the trust in what somebody else has changed; whether there was such."""
        suspects = self._access.watch.take_suspects()
        for index in suspects:
            self._access.release(index)
            self.doubt(index)
        return bool(suspects)

    def doubt(self, index: int) -> None:
        """Take back the trust in all pieces of a file; of the part file, in every piece."""
        if index == PARTS:
            self.nothing()
            return
        file, length = self._info.files[index], self._info.piece_length
        for piece in range(file.offset // length, -(-(file.offset + file.length) // length)):
            self.pieces.discard(piece)

    def nothing(self) -> None:
        """Trust nothing."""
        for piece in list(self.pieces):
            self.pieces.discard(piece)
