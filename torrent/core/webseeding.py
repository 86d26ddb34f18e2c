"""Web seeds (BEP 19): servers that have the whole torrent and speak HTTP.

To the swarm a web seed is one more source, named by its URL, with two differences. It is asked for
*runs* of whole pieces, because one HTTP request costs a round trip whatever its length; and no
messages pass, so it is never choked, interested, or told anything. The pieces of a run are asked
of nobody else, except in the endgame, when whoever is faster wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from torrent.core.bitfield import Bitfield
from torrent.core.policy import BLOCK, BLOCK_SHIFT
from torrent.core.webseed import PieceRun

if TYPE_CHECKING:
    from torrent.core.assembly import Assemblies
    from torrent.core.commons import Commons
    from torrent.core.fetching import Fetching
    from torrent.core.metainfo import Info
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
        self._everything = Bitfield(0)

    def run(self, source: str, now: float) -> PieceRun | None:
        """Pieces for ``source`` to fetch, or None if there are none, or no buffers."""
        commons = self.commons
        picker, info = commons.picker, commons.info
        self.assemblies.coming.pop(source, None)  # It is through with the one before.
        if picker is None or info is None or commons.paused or commons.stuck:
            return None
        if source in commons.candidates.banned:
            return None
        if not self._everything:
            self._everything = Bitfield(info.piece_count)
            self._everything.fill()
        most = max(1, RUN // info.piece_length)
        if not self.assemblies.starving:
            self.assemblies.nourish(most, run=most)
        picked = picker.pick(source, self._everything, 1, now, fast=True)
        if not picked or not self._claim(picked[0][0], source, picker, info, now):
            return None
        last = first = picked[0][0]
        while last + 1 < first + most and self._claim_next(last + 1, source, picker, info, now):
            last += 1
        self.assemblies.coming[source] = range(first, last + 1)
        return PieceRun(first, last - first + 1)

    def _claim(self, piece: int, source: str, picker: Picker, info: Info, now: float) -> bool:
        """Ask for all that is free of a piece. False: there is no buffer for it."""
        if piece not in self.assemblies.open and self.assemblies.begin(piece) is None:
            picker.lost(piece)  # Not begun, after all.
            return False
        picker.pick(
            source, self._everything, info.block_count(piece), now, fast=True, only=(piece,)
        )
        return True

    def _claim_next(self, piece: int, source: str, picker: Picker, info: Info, now: float) -> bool:
        """Go on with ``piece`` if nobody else has it in hand."""
        if piece >= info.piece_count or piece in picker.open_pieces:
            return False
        if not picker.pick(source, self._everything, 1, now, fast=True, only=(piece,)):
            return False
        return self._claim(piece, source, picker, info, now)

    def block(self, source: str, piece: int, begin: int, data: memoryview, now: float) -> None:
        """Take one block of a run; what we have, or do not want any more, is dropped."""
        work, picker = self.assemblies.open.get(piece), self.commons.picker
        size, end = len(data), begin + len(data)
        if work is None or picker is None:
            self.fetching.wasted += size
            return
        if begin & (BLOCK - 1) or end > work.size or (size != BLOCK and end != work.size):
            raise ValueError(f"{size} bytes at {begin} of piece {piece} are not one of its blocks")
        if begin >= len(work.senders) * BLOCK:
            return  # Padding, which is there from the beginning.
        # What pads the block out came from nobody.
        payload = self.commons.torrent.payload_size(piece)
        self.commons.down.add(min(end, payload) - begin, now)
        receipt = picker.received(piece, begin >> BLOCK_SHIFT, source)
        if not receipt.fresh:
            self.fetching.wasted += size
            return
        work.buffer[begin:end] = data
        work.senders[begin >> BLOCK_SHIFT] = source
        self.fetching.cancel(receipt.others, piece, begin, size, now)
        if receipt.complete:
            self.assemblies.complete(piece)

    def failed(self, source: str, now: float) -> None:
        """The rest of the run will not come: others may have it."""
        self.assemblies.coming.pop(source, None)
        if self.commons.picker is not None:
            self.commons.picker.forget(source)
            self.fetching.feed(now)
