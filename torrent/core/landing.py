"""Where the blocks that a peer sends next will lie: in their pieces, with no copy in between.

Who answers in the order it was asked in sends what is known beforehand, all but the data: thirteen
bytes of header, a block, thirteen bytes of header, a block. So a shell that can scatter what it
reads (``readv``) is given the gaps for the headers and the places of the blocks, as they will come.
Afterwards the headers are compared with those foreseen. As far as they are the same, the blocks
are where they belong; what comes from the first other one on (a Have in between, a block out of
order, one that is not whole yet) is put together again and takes the ordinary road.

A wrong guess costs a copy and does no harm: the places are those of blocks that are not here, and
whoever brings one later writes over what lies there. Nothing is remembered from one reading to the
next, so there is nothing that could be out of date: between :meth:`Landing.lay` and
:meth:`Landing.sort` there is one system call.

Over loopback, 512 MiB, leechers that overwrite a file (six rounds, turn by turn): 0.80 s of
processor time instead of 0.90, and of v2, whose threads want the interpreter's lock more often,
1.03 s instead of 1.33.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from torrent.core.policy import BLOCK, BLOCK_SHIFT
from torrent.core.wire import BLOCK_HEADER
from torrent.core.wire import Block as Message

if TYPE_CHECKING:
    from torrent.core.assembly import Assembly
    from torrent.core.peer import Asked, Peer

BLOCKS: Final = 32
"""The most blocks of one reading. With 16, 64 or 128 no difference could be told from noise."""
LEAST: Final = 8
"""Fewer are not worth the trouble: slow peers, and the end of a download."""
_STRIDE: Final = BLOCK_HEADER + BLOCK
_HEADER: Final = Struct(">IBII")


class Sorted(NamedTuple):
    """What was read.

    Attributes:
        first: The rest of the message that began before.
        blocks: The blocks that now lie in their places, in order.
        rest: All that came after them.
    """

    first: memoryview
    blocks: list[Asked]
    rest: bytes


class Landing:
    """Places for one reading. One of these serves all links of a session.

    Args:
        least: The fewest blocks to foresee.

    Attributes:
        views: What to read into, one after the other.
        size: The bytes of all of them.
    """

    __slots__ = ("_blocks", "_first", "_gaps", "_headers", "_least", "size", "views")

    def __init__(self, *, least: int = LEAST) -> None:
        self._least = least
        self._headers = memoryview(bytearray(BLOCKS * BLOCK_HEADER))
        self._gaps = [
            self._headers[at : at + BLOCK_HEADER]
            for at in range(0, len(self._headers), BLOCK_HEADER)
        ]
        self._first = memoryview(b"")
        self._blocks: list[Asked] = []
        self.views: list[memoryview] = []
        self.size = 0

    def lay(self, peer: Peer, opened: dict[int, Assembly], most: int) -> bool:
        """Prepare for what ``peer`` should send next, up to ``most`` bytes.

        Returns whether that is known, and worth it.
        """
        awaited = iter(peer.outstanding)
        missing = 0
        if peer.decoder.pending:
            begun = peer.decoder.begun
            if begun is None or next(awaited, None) != (begun.piece, begun.begin >> BLOCK_SHIFT):
                return False
            missing = begun.missing
        self._first = memoryview(bytearray(missing))
        self._blocks, self.views = blocks, views = [], [self._first]
        gaps = self._gaps[: max(0, most - missing) // _STRIDE]
        for gap, asked in zip(gaps, awaited, strict=False):
            piece, index = asked
            work = opened.get(piece)
            begin = index << BLOCK_SHIFT
            end = begin + BLOCK
            if work is None or end > work.size or work.senders[index] is not None:
                break
            views += gap, work.buffer[begin:end]
            blocks.append(asked)
        self.size = missing + len(blocks) * _STRIDE
        return len(blocks) >= self._least

    def sort(self, count: int) -> Sorted:
        """Tell apart what the first ``count`` bytes of the places hold now."""
        first = self._first[:count]
        count -= len(first)
        good = self._foreseen(count // _STRIDE)
        left, pairs = count - good * _STRIDE, -(-count // _STRIDE)
        rest = b"".join(self.views[1 + 2 * good : 1 + 2 * pairs])[:left] if left else b""
        self.views = []
        return Sorted(first, self._blocks[:good], rest)

    def _foreseen(self, whole: int) -> int:
        """How many of the first blocks are those that were to come."""
        heads = _HEADER.iter_unpack(self._headers[: whole * BLOCK_HEADER])
        for number, (head, (piece, index)) in enumerate(zip(heads, self._blocks, strict=False)):
            if head != (_STRIDE - 4, Message.KIND, piece, index << BLOCK_SHIFT):
                return number
        return whole
