"""Web seeds (BEP 19): servers that have the whole torrent and speak HTTP.

To the swarm a web seed is one more source, named by its URL, with two differences. It is asked for
*runs* of whole pieces, because one HTTP request costs a round trip whatever its length; and no
messages pass, so it is never choked, interested, or told anything. The pieces of a run are asked
of nobody else, except in the endgame, when whoever is faster wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from torrent.core.bitfield import Bitfield
from torrent.core.effects import PieceRun
from torrent.core.policy import BLOCK, BLOCK_SHIFT

if TYPE_CHECKING:
    from torrent.core.assembly import Assemblies
    from torrent.core.commons import Commons
    from torrent.core.fetching import Fetching
    from torrent.core.picker import Picker

RUN: Final = 4 << 20
"""Bytes asked for at once: at 10 MB/s half a second, so a round trip is small beside it, and little
is lost when the server fails."""


class WebSeeding:
    """Finds work for web seeds and takes what they send."""

    def __init__(self, commons: Commons, fetching: Fetching, assemblies: Assemblies) -> None:
        self.commons = commons
        self.fetching = fetching
        self.assemblies = assemblies
        self._everything: Bitfield | None = None

    def run(self, source: str, now: float) -> PieceRun | None:
        """Pieces for ``source`` to fetch, or None if there are none, or no buffers."""
        picker, info = self.commons.picker, self.commons.info
        if picker is None or info is None or self.commons.paused:
            return None
        if (source, 0) in self.senders_banned():
            return None
        if self._everything is None:
            self._everything = Bitfield(info.piece_count)
            self._everything.fill()
        first = self._claim(picker, source, None, now)
        if first is None:
            return None
        count, most = 1, max(1, RUN // info.piece_length)
        while count < most and first + count < info.piece_count:
            if self._claim(picker, source, first + count, now) is None:
                break
            count += 1
        return PieceRun(first, count)

    def senders_banned(self) -> set[tuple[str, int]]:
        """Web seeds that sent false data, in the form of senders."""
        return {(host, 0) for host in self.commons.candidates.banned}

    def _claim(self, picker: Picker, source: str, piece: int | None, now: float) -> int | None:
        """Take a whole piece that nobody began: ``piece``, or any. None: it cannot be had."""
        assert self._everything is not None
        assert self.commons.info is not None
        if piece is not None and (piece in picker.open_pieces or not picker.wants(piece)):
            return None
        fresh = [p for p in ([piece] if piece is not None else self._fresh(picker))]
        if not fresh:
            return None
        picked = picker.pick(source, self._everything, 1, now, fast=True, only=fresh)
        if not picked:
            return None
        chosen = picked[0][0]
        more = self.commons.info.block_count(chosen) - 1
        picker.pick(source, self._everything, more, now, fast=True, only=[chosen])
        if self.assemblies.begin(chosen) is None:
            picker.failed(chosen)
            return None
        return chosen

    def _fresh(self, picker: Picker) -> list[int]:
        """Pieces that nobody began."""
        return []
