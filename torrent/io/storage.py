"""The files of one torrent: verified pieces in, verified blocks out.

**In.** A piece that is whole is hashed and written by one thread, in one go, with one ``pwrite``
for each file it touches; the loop that receives never waits for either. Only what was verified is
ever written, so what is on disk is true or was never claimed.

**Out.** Nothing is served that was not hashed in this run: resume data says what we have, not that
it is still what it was. ``trusted`` holds the pieces that were hashed, as they were written or as
they were first asked for, and whose files nobody else has touched since (:mod:`torrent.io.watch`).
A block of a trusted piece goes from the file to the socket by ``sendfile``, without passing through
Python. The usual pattern is::

    if span := storage.readable(piece, begin, length):
        os.sendfile(socket.fileno(), span.fd, span.offset, length)
    elif await storage.read(piece, begin, length, buffer):
        await stream.send_all(buffer)
    else:
        swarm.lost(piece)                                  # damaged on disk: fetch it again

**Changing places.** Moving, and choosing other files, change where bytes lie. They wait until no
thread is at work, and what arrives meanwhile is held back until they are done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from operator import contains
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from torrent.core.bitfield import Bitfield
from torrent.core.effects import Verdict
from torrent.errors import StorageError
from torrent.io.access import Access
from torrent.io.allocation import Allocation, Allocator
from torrent.io.files import Span
from torrent.io.gate import Gate
from torrent.io.judging import judge, settled
from torrent.io.moving import Mover
from torrent.io.places import Places, parts_name
from torrent.io.trust import Trust
from torrent.io.workers import RUN

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterable, Iterator

    from outcome import Outcome

    from torrent.core.metainfo import Info
    from torrent.io.disk import Disk

_ATTEMPTS: Final = 3
"""Times that a block is read again because its file changed meanwhile, before we say so."""


class Storage:
    """The files of one torrent. To be used on the event loop.

    Attributes:
        info: The torrent.
        trusted: The pieces that may be served as they are; shrinks when files change.
    """

    def __init__(
        self,
        disk: Disk,
        info: Info,
        directory: str | os.PathLike[str],
        *,
        wanted: Iterable[int] | None = None,
        allocation: Allocation | None = None,
    ) -> None:
        """Decide where and what. Nothing is touched before :meth:`open`.

        Args:
            disk: Threads, buffers and open files to share.
            info: The torrent.
            directory: The download directory.
            wanted: Indexes of the files to download; all if not given.
            allocation: Whether new files take their space at once; as ``disk`` says by default.
        """
        self.info: Final = info
        self._disk: Final = disk
        self._wanted = None if wanted is None else frozenset(wanted)
        usual = Allocation.SPARSE if disk.sparse else Allocation.FULL
        self._allocation: Final = allocation or usual
        self._access: Final = Access(disk, Places(info, parts_name(info)), Path(directory))
        self._trust: Final = Trust(info, self._access)
        self.trusted: Final = self._trust.pieces
        self._gate: Final = Gate(disk.workers)
        self._trusting: dict[int, _Trusting] = {}

    @property
    def directory(self) -> Path:
        """The download directory."""
        return self._access.root

    # Opening, and what changes places.

    async def open(self, *, create: bool = True) -> bool:
        """Find out what is there, and make what is wanted.

        Args:
            create: Make files that are missing; False to seed or to check only.

        Returns whether anything was there before: if not, nothing needs to be checked.

        Raises:
            StorageError: The files cannot be made, or others stand in their places. Nothing is
                lost by it; call again when the cause is mended.
        """
        async with self._gate.alone():
            self._access.forget()
            self._trust.nothing()
            return await trio.to_thread.run_sync(partial(self._allocator().prepare, create=create))

    async def select(self, wanted: Iterable[int] | None) -> None:
        """Want other files. What the part file has of one that is newly wanted moves into it.

        A file that is not wanted any more stays where it is.

        Raises:
            StorageError: A file cannot be made.
        """
        async with self._gate.alone():
            self._wanted = None if wanted is None else frozenset(wanted)
            self._access.release()
            before = bytes(self._access.places.present)
            try:
                await trio.to_thread.run_sync(partial(self._allocator().prepare, create=True))
            finally:
                # What was copied out of the part file is hashed again before it is served.
                for index, present in enumerate(self._access.places.present):
                    if present > before[index]:
                        self._trust.doubt(index)

    async def move(
        self,
        directory: str | os.PathLike[str],
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Move all files to another directory, on another file system if need be.

        It can be interrupted at any moment, by death too, and then is finished by calling it again;
        so write down where to (:mod:`torrent.io.resume`) before you begin.

        Args:
            directory: Where to; made if need be.
            progress: Called with bytes copied and bytes to copy, where copying is needed.

        Raises:
            StorageError: Something stands in the way, or the disk is full. Each file is whole, in
                one of the two places: call again, or move back.
        """
        async with self._gate.alone():
            self._access.forget()
            mover = Mover(self._access.places, self.directory, Path(directory), progress)
            await trio.to_thread.run_sync(mover.run)
            self._trust.nothing()
            self._access.root = Path(directory)

    async def flush(self) -> None:
        """Wait until all that was handed over is written, and is safe against a power cut.

        Raises:
            StorageError: The disk failed, and so may have lost what was written.
        """
        async with self._gate.alone():
            await trio.to_thread.run_sync(self._access.sync)

    async def close(self) -> None:
        """Wait for what is under way, and close the files."""
        async with self._gate.alone():
            self._access.release()

    async def fingerprint(self) -> bytes:
        """What the files look like from outside (sizes, times): 32 bytes.

        The same as at the end of the last run: nobody has touched them, as far as can be seen.
        """
        return await trio.to_thread.run_sync(self._access.fingerprint)

    # In.

    def write_verified(
        self,
        piece: int,
        buffer: memoryview,
        done: Callable[[Verdict], None],
        *,
        digests: bool = False,
    ) -> None:
        """Hash a piece and write it if it is good; then call ``done`` on the event loop.

        Args:
            piece: Which piece it claims to be.
            buffer: All of it; not to be touched before ``done``.
            done: Told whether it is good and stored.
            digests: Tell the blocks' digests even if it is good.
        """

        def finished(outcome: Outcome[tuple[Verdict, int]]) -> None:
            verdict, changes = outcome.unwrap()
            self._trust.settle()
            if verdict.ok and changes == self._access.watch.changes:
                self.trusted.add(piece)
            done(verdict)

        self._gate.submit(partial(self._write, piece, buffer, digests=digests), finished)

    def _write(self, piece: int, buffer: memoryview, *, digests: bool) -> tuple[Verdict, int]:
        verdict = judge(self.info, piece, buffer, digests=digests)
        if not verdict.ok:
            return verdict, 0
        try:
            return verdict, self._access.write(piece, buffer)
        except StorageError as problem:
            return Verdict(ok=False, digests=verdict.digests, error=str(problem)), 0

    # Out.

    def readable(self, piece: int, begin: int, length: int) -> Span | None:
        """Where a block of a trusted piece lies, if it lies in one open file; else use ``read``.

        Never waits for the disk. The block must be within the piece.
        """
        if piece not in self.trusted or self._gate.closed:
            return None
        index, offset = self._access.places.single(piece, begin, length)
        file = self._access.opened(index)
        if file is None or not self._trust.unchanged(index, file):
            return None
        return Span(file, offset)

    def stretch(self, index: int, begin: int, length: int) -> Span | None:
        """Where bytes of a file lie, if all their pieces are trusted and the file is open.

        For receivers who cannot verify what they get: the file is looked at now, not once a second.
        """
        at, size = self.info.files[index].offset + begin, self.info.piece_length
        if self._gate.closed or not self._access.places.present[index]:
            return None
        if not all(map(self.trusted.__contains__, range(at // size, -(-(at + length) // size)))):
            return None
        file = self._access.opened(index)
        if file is None or not self._trust.unchanged(index, file, at_once=True):
            return None
        return Span(file, begin)

    async def read(self, piece: int, begin: int, length: int, into: memoryview) -> bool:
        """Read a block, after hashing its piece if that was not yet done in this run.

        Returns whether the piece is good; if not, nothing of it may be sent.

        Raises:
            StorageError: The file is missing or cannot be read.
        """
        for _ in range(_ATTEMPTS):
            if not await self.trust(piece):
                return False
            await self._gate.run(partial(self._access.read, piece, begin, into[:length]))
            self._trust.settle()  # That the file has changed may have been seen by this reading.
            if piece in self.trusted:
                return True
        raise StorageError(
            f"another process is writing to {self.directory / self.info.name}, perhaps a second "
            "download of the same torrent: let it finish, or give one of the two another "
            "directory; then resume, which checks what is there"
        )

    async def trust(self, piece: int) -> bool:
        """Whether a piece on disk is good: hashed now, unless it was in this run.

        Raises:
            StorageError: The file is missing or cannot be read.
        """
        await trio.lowlevel.checkpoint()
        if piece in self.trusted:
            return True
        waiting = self._trusting.get(piece)
        if waiting is None:
            waiting = self._trusting[piece] = _Trusting()
            self._gate.submit(partial(self._stored, [piece]), partial(self._trust_known, piece))
        await waiting.event.wait()
        if waiting.error:
            raise waiting.error
        return waiting.good

    def _trust_known(self, piece: int, outcome: Outcome[tuple[list[int], int]]) -> None:
        waiting = self._trusting.pop(piece)
        try:
            good, changes = outcome.unwrap()
        except StorageError as problem:
            waiting.error = problem
        else:
            self._trust.believe(good, changes)
            waiting.good = bool(good)
        waiting.event.set()

    async def check(
        self,
        pieces: Collection[int] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Bitfield:
        """Hash pieces on disk, with all threads; which of them are good.

        A file that is missing or short has no good pieces, which is no error here.

        Args:
            pieces: Which; all if not given.
            progress: Called with the number of pieces that were hashed so far.

        Raises:
            StorageError: A file cannot be read.
        """
        good, hashed = Bitfield(self.info.piece_count), 0
        runs = self._runs(range(self.info.piece_count) if pieces is None else pieces)

        async def hash_run(run: list[int]) -> None:
            nonlocal hashed
            found, changes = await self._gate.run(partial(self._stored, run, lenient=True))
            self._trust.believe(found, changes)
            for piece in found:
                good.add(piece)
            hashed += len(run)
            if progress:
                progress(hashed)

        await self._disk.workers.spread(runs, hash_run)
        return good

    def _runs(self, pieces: Iterable[int]) -> Iterator[list[int]]:
        """Pieces in the portions of one job."""
        portion = max(1, RUN // self.info.piece_length)
        rest = iter(pieces)
        while run := list(islice(rest, portion)):
            yield run

    def _stored(self, pieces: list[int], *, lenient: bool = False) -> tuple[list[int], int]:
        """Which pieces on disk are good; and how often files had changed when they were read."""
        changes = self._access.watch.changes
        return [p for p in pieces if self._good(p, lenient=lenient)], changes

    def _good(self, piece: int, *, lenient: bool) -> bool:
        """Whether a piece on disk is good. Where a file ends too early, it is not.

        Args:
            piece: Which.
            lenient: A piece of a missing file is not good either; otherwise that is an error.
        """
        try:
            return settled(self.info, piece, *self._access.hashes(piece))
        except EOFError:
            return False
        except StorageError as problem:
            if lenient and isinstance(problem.__cause__, FileNotFoundError):
                return False
            raise

    async def leaves(self, piece: int) -> tuple[bytes, ...]:
        """The SHA-256 of each block of a piece as it is on disk; empty if the file is too short.

        Raises:
            StorageError: The file is missing or cannot be read.
        """
        try:
            _, leaves = await self._gate.run(partial(self._access.hashes, piece))
        except EOFError:
            return ()
        return tuple(leaves)

    def _allocator(self) -> Allocator:
        wanted = self._wanted
        wants = partial(contains, range(len(self.info.files)) if wanted is None else wanted)
        return Allocator(self.directory, self._access.places, wants, self._allocation)


@dataclass(slots=True)
class _Trusting:
    """A piece that is being hashed, and those who wait for it."""

    event: trio.Event = field(default_factory=trio.Event)
    good: bool = False
    error: StorageError | None = None
