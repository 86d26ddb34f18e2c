"""Pieces being put together: a buffer each, and who sent which block of it.

A piece is nothing until its hash is checked: it is not announced, not served, not stored. Its
buffer comes from the shell's pool. When the pool is empty no new piece is opened, so a disk that
falls behind holds back the download without a queue.

A false piece has at least one liar among its senders, and usually honest ones too. Who it was:

* all of it came from one sender: that one;
* v2, once the leaves of the piece are known: whoever sent a block that is not its leaf;
* v1: the blocks of the false copy are remembered, as digests. When a copy passes, whoever had
  sent something else lied (libtorrent's "smart ban").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torrent.core.culprits import Culprits
from torrent.core.effects import Completed, Failed, Passed, Stuck, Verify
from torrent.core.policy import BLOCK, MAX_PIECES

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from torrent.core.commons import Commons
    from torrent.core.effects import Verdict
    from torrent.core.picker import Picker

Sender = str
"""Who sent a block: a host, or a web seed's URL. They outlive connections, and are banned."""


class Assembly:
    """One piece under way.

    Attributes:
        buffer: Where its blocks go.
        size: Its bytes.
        senders: Who sent each block; None where it is still missing.
    """

    __slots__ = ("buffer", "senders", "size")

    def __init__(self, buffer: memoryview, size: int, blocks: int) -> None:
        self.buffer = buffer
        self.size = size
        self.senders: list[Sender | None] = [None] * blocks


class Assemblies:
    """The pieces under way, and those being checked.

    Attributes:
        open: Pieces that still lack blocks.
        coming: The pieces that each web seed was asked for last.
        starving: The pool was empty when a piece was to be opened.
        announce: Told of each piece that passed.
        suspect: Told of each false piece (v2: its leaves are wanted).
    """

    def __init__(self, commons: Commons) -> None:
        self.commons = commons
        self.open: dict[int, Assembly] = {}
        self.coming: dict[str, range] = {}
        self.starving = False
        self.culprits = Culprits()
        self.announce: list[Callable[[int, float], None]] = []
        self.suspect: list[Callable[[int, tuple[bytes, ...], list[Sender], float], None]] = []
        self._checking: dict[int, list[Sender]] = {}

    def begin(self, piece: int) -> Assembly | None:
        """Open ``piece``; ``None`` if the pool is empty."""
        info = self.commons.torrent
        size = info.piece_size(piece)
        buffer = self.commons.buffers.acquire(size)
        if buffer is None:
            self.starve()
            return None
        blocks = info.block_count(piece)
        buffer[blocks * BLOCK :] = bytes(max(0, size - blocks * BLOCK))  # BEP 47: padding is zeros.
        work = self.open[piece] = Assembly(buffer, size, blocks)
        return work

    def starve(self) -> None:
        """The pool is empty: open no more pieces until it may not be."""
        self.starving = True
        self.commons.work.max_open = len(self.open)

    def nourish(self, buffers: int = MAX_PIECES, run: int = 0) -> None:
        """The pool may have so many buffers again: whoever asks first finds out.

        A single one is given back with each verdict, a thousand times a GiB where the disk is the
        slower; so then one more piece is opened, and not a windowful only to be taken back.

        Web seeds have room of their own: neither shall slow peers keep them idle by pieces that
        they have begun, nor they all peers by a run. ``run`` is of how many pieces one is about to
        be begun.
        """
        self.starving = False
        work = self.commons.work
        most = self.commons.policy.max_open + run + sum(map(len, self.coming.values()))
        work.max_open = min(work.max_open + buffers, most)

    def complete(self, piece: int) -> None:
        """Every block of ``piece`` is there: have it checked."""
        work = self.open.pop(piece)
        self._checking[piece] = [sender for sender in work.senders if sender is not None]
        self.commons.emit(Verify(piece, work.buffer, self.culprits.suspects(piece)))

    def drop(self, picker: Picker) -> None:
        """Forget the pieces under way and give their buffers back (paused)."""
        for piece, work in self.open.items():
            self.commons.buffers.release(work.buffer)
            picker.lost(piece)
        self.open.clear()

    def untouched(self) -> list[int]:
        """The open pieces of which no block has come, nor is on its way from a web seed."""
        return [
            piece
            for piece, work in self.open.items()
            if not any(work.senders) and not any(piece in run for run in self.coming.values())
        ]

    def abandon(self, piece: int) -> bool:
        """Forget a piece under way, which the picker has dropped; returns whether it was."""
        work = self.open.pop(piece, None)
        if work is not None:
            self.commons.buffers.release(work.buffer)
        return work is not None

    # Verdicts.

    def verified(self, piece: int, verdict: Verdict, now: float) -> None:
        """Take the answer to a Verify."""
        senders = self._checking.pop(piece, None)
        if senders is None:
            return
        picker = self.commons.work
        self.nourish(1)
        if verdict.error is not None:
            picker.lost(piece)
            self.commons.stuck = True
            self.commons.emit(Stuck(piece, verdict.error))
        elif verdict.ok:
            self._passed(piece, verdict, senders, picker, now)
        else:
            self._false(piece, verdict, senders, picker, now)

    def _passed(
        self, piece: int, verdict: Verdict, senders: list[Sender], picker: Picker, now: float
    ) -> None:
        was_done = picker.complete
        picker.passed(piece)
        liars = self.culprits.passed(piece, verdict.digests, senders)
        self.commons.emit(Passed(piece))
        for announce in self.announce:
            announce(piece, now)
        self.punish(liars, piece, now)
        if picker.complete and not was_done:
            self.commons.emit(Completed())

    def _false(
        self, piece: int, verdict: Verdict, senders: list[Sender], picker: Picker, now: float
    ) -> None:
        picker.failed(piece)
        liars = self.culprits.failed(piece, verdict.digests, senders)
        self.commons.emit(Failed(piece, self.punish(liars, piece, now)))
        if len(set(senders)) > 1 and verdict.digests:
            for suspect in self.suspect:
                suspect(piece, verdict.digests, senders, now)

    def accuse(self, liars: Iterable[Hashable], piece: int, now: float) -> None:
        """Proof came later: ``liars`` had sent false blocks of ``piece``."""
        hosts = self.punish(liars, piece, now)
        if hosts:
            self.commons.emit(Failed(piece, hosts))

    def punish(self, liars: Iterable[Hashable], piece: int, now: float) -> tuple[str, ...]:
        """Ban those who sent false blocks of ``piece``; returns their hosts."""
        hosts = sorted(str(liar) for liar in liars)
        for host in hosts:
            self.commons.ban(host, f"sent false data of piece {piece}", now)
        return tuple(hosts)
