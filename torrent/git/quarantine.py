"""Nothing enters a repository that was not checked: packs are received beside it.

A quarantine is an object directory of its own, in which git sees the repository's objects as
borrowed ones (alternates), but into which alone it writes. There the pack is indexed, which hashes
every object; ``--strict`` checks each as ``git fsck`` does: trees with ``.git`` or ``..`` in them,
entries out of order or twice, ``.gitmodules`` that is a link. Then all that the signed refs lead to
must be there. Only then the pack is moved, with its index last, which is what makes it part of the
repository. Its ``.keep`` file protects it from ``git gc`` until refs lead to it; git removes that.

Whatever fails, and whenever we are killed, the repository is as it was. What a killed process
leaves behind is called as git calls its own quarantines, so ``git gc`` clears it away in time.

**Bombs.** A kilobyte may stand for an object of a gigabyte, and a delta for more. Git takes the
memory for an object in one piece, and refuses beyond ``GIT_ALLOC_LIMIT``; the kernel bounds the
whole, and the time. The number of objects is bounded by the length of what came (see
:mod:`torrent.git.core.manifest`).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from bisect import bisect_right
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from torrent.git.core.packs import Joiner, joined_places
from torrent.git.errors import PackError
from torrent.git.program import Git, Limits
from torrent.io.faults import explained

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
    from contextlib import AbstractAsyncContextManager
    from typing import Self

    from torrent.git.core.manifest import Generation, Manifest
    from torrent.git.program import Write

MAX_OBJECT: Final = 128 << 20
"""Bytes of the largest object taken: the large forges refuse files of more than 100 MiB."""
_PREFIX: Final = "tmp_objdir-dht-"
_CHUNK: Final = 1 << 20
_PER_OBJECT: Final = 256
"""Bytes that git needs to know of each object; it takes most of them in one piece."""
_THREADS: Final = min(4, os.cpu_count() or 1)
"""Git takes half the cores of a large machine, each with objects of its own in memory."""
_AT_ONCE: Final = 3 * _THREADS + 2
"""Objects of the largest size in memory at a time: on each thread a base, a difference, and what
they make; and git's cache."""
_ROOM: Final = 256 << 20
_SECONDS: Final = 120
_BYTES_A_SECOND: Final = 50_000
"""Bytes of pack for a second of the processor: ordinary ones take a hundredth of that."""
_HARMLESS: Final = (
    "zeroPaddedFilemode",
    "missingSpaceBeforeDate",
    "missingNameBeforeEmail",
    "missingEmail",
    "badEmail",
    "badTimezone",
    "badDate",
    "badDateOverflow",
    "nulInCommit",
    "gitmodulesParse",
)
"""Faults that old programs made: they are in many a history, and harm nobody."""
_LENIENT: Final = ",".join(f"{fault}=ignore" for fault in _HARMLESS)
_CHECKED: Final = (
    "fetch.fsckObjects=true",
    # Or a small fetch is unpacked into single objects, which are moved otherwise.
    "fetch.unpackLimit=1",
    *(f"fetch.fsck.{fault}=ignore" for fault in _HARMLESS),
)
_FETCH: Final = (
    "fetch",
    "--quiet",
    "--keep",
    "--no-write-fetch-head",
    "--no-tags",
    "--no-auto-maintenance",
    "--no-recurse-submodules",
)
_ORDER: Final = (".keep", ".pack", ".rev", ".idx")


def limits_for(generations: Sequence[Generation], largest: int = MAX_OBJECT) -> Limits:
    """What indexing these may take."""
    objects = sum(each.objects for each in generations) * _PER_OBJECT
    length = sum(each.length for each in generations)
    return Limits(
        max(largest, objects),
        _ROOM + largest * _AT_ONCE + 2 * objects,
        _SECONDS + length // _BYTES_A_SECOND,
    )


class Arriving(NamedTuple):
    """A pack that comes, or is here.

    Attributes:
        generation: What the manifest says of it.
        path: Where it lies.
        reached: Waits until more of it is verified than so many bytes; how many are.
    """

    generation: Generation
    path: Path
    reached: Callable[[int], Awaitable[int]]

    @classmethod
    def here(cls, generation: Generation, path: Path) -> Self:
        """One that is here, whole."""

        async def reached(_: int) -> int:
            await trio.lowlevel.checkpoint()
            return generation.length

        return cls(generation, path, reached)


class Quarantine:
    """Objects that may become part of a repository; made by :func:`quarantine`."""

    def __init__(self, git: Git, objects: Path, place: Path) -> None:
        self._objects = objects
        self._place = place
        self._alone = git.within(GIT_OBJECT_DIRECTORY=str(place))
        self._git = self._alone.within(GIT_ALTERNATE_OBJECT_DIRECTORIES=_quoted(objects))
        self._whole = False

    async def receive(
        self,
        manifest: Manifest,
        generations: Sequence[Generation],
        packs: AbstractAsyncContextManager[Sequence[Arriving]],
        largest: int = MAX_OBJECT,
    ) -> None:
        """Index packs, oldest first, as one, while they come.

        Args:
            manifest: Says what they are.
            generations: Which of its.
            packs: Fetches them. It is entered when git is ready to read, and left when it has.
            largest: Bytes of an object that is taken.

        Raises:
            PackError: They are not what the manifest says, or git refuses what is in them.
            TorrentError: One of them cannot be had.
        """
        self._whole = len(generations) == len(manifest.generations)
        words = ["index-pack", "--stdin", "--fix-thin", f"--strict={_LENIENT}", "--keep=dht"]
        if self._whole:
            words.append("--check-self-contained-and-connected")
        words.append(f"--threads={_THREADS}")
        words.append(f"--max-input-size={sum(each.length for each in generations)}")
        joiner = Joiner(
            manifest.object_format, [(each.length, each.objects) for each in generations]
        )

        async def pour(write: Write) -> None:
            async with packs as arriving:
                await _pour(joiner, arriving, write)

        outcome = await self._git.feed(*words, pour=pour, limits=limits_for(generations, largest))
        if outcome.code:
            raise PackError(_refusal(outcome.code, outcome.said, largest))

    async def fetch(
        self, url: str, manifest: Manifest, settings: Sequence[str], largest: int = MAX_OBJECT
    ) -> None:
        """Receive what the refs of a manifest lead to from a git server.

        Args:
            url: Where it is.
            manifest: Whose refs.
            settings: What git is to be told about the server, as ``name=value``.
            largest: Bytes of an object that is taken.

        Raises:
            PackError: It has not got them, or git refuses what it sent.
        """
        limits = limits_for(manifest.generations, largest)
        told = [word for each in (*settings, *_CHECKED) for word in ("-c", each)]
        asked = b"".join(oid.hex().encode() + b"\n" for oid in sorted(manifest.tips))
        # With a quarantine's path, git moves no ref whatever it is told.
        git = self._git.within(
            GIT_ALLOC_LIMIT=str(limits.allocation), GIT_QUARANTINE_PATH=str(self._place)
        )
        outcome = await git.attempt(*told, *_FETCH, "--stdin", "--", url, stdin=asked)
        if outcome.code:
            raise PackError(_refusal(outcome.code, outcome.said, largest))

    async def contents(self, manifest: Manifest) -> list[frozenset[bytes]]:
        """The objects in each of the packs that were received, which were all of them."""
        found: list[set[bytes]] = [set() for _ in manifest.generations]
        sizes = [(each.length, each.objects) for each in manifest.generations]
        ends = joined_places(sizes, manifest.oid_size)
        for path in sorted((self._place / "pack").glob("*.idx")):
            index = await trio.to_thread.run_sync(path.read_bytes)
            for line in (await self._git.run("show-index", stdin=index)).splitlines():
                offset, oid = line.split(b" ")[:2]
                found[bisect_right(ends, int(offset))].add(bytes.fromhex(oid.decode()))
        return [frozenset(each) for each in found]

    async def check(self, tips: Collection[bytes]) -> bool:
        """Whether these, and all that they lead to, are here or in the repository."""
        if self._whole:
            # The pack has all that its objects link to; git made sure of that.
            return not await self._alone.missing(tips)
        asked = b"".join(oid.hex().encode() + b"\n" for oid in tips)
        outcome = await self._git.attempt(
            "rev-list", "--objects", "--stdin", "--not", "--all", "--quiet", stdin=asked
        )
        return not outcome.code

    async def admit(self) -> tuple[Path, ...]:
        """Make it part of the repository; the files that keep its packs for now.

        Raises:
            StorageError: The disk refused.
        """
        return await trio.to_thread.run_sync(self._move)

    def _move(self) -> tuple[Path, ...]:
        target = self._objects / "pack"
        kept = []
        with explained(target):
            target.mkdir(exist_ok=True)
            files = sorted((self._place / "pack").glob("pack-*"), key=_turn)
            for path in files:
                goal = target / path.name
                if path.suffix == ".keep":
                    kept.append(goal)
                path.replace(goal)
            _flush(target)
        return tuple(kept)


@asynccontextmanager
async def quarantine(git: Git) -> AsyncIterator[Quarantine]:
    """A quarantine beside a repository, gone at the end."""
    objects = await git.path("objects")
    with explained(objects):
        place = Path(
            await trio.to_thread.run_sync(lambda: tempfile.mkdtemp(prefix=_PREFIX, dir=objects))
        )
    try:
        yield Quarantine(git, objects, place)
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(lambda: shutil.rmtree(place, ignore_errors=True))


async def _pour(joiner: Joiner, packs: Sequence[Arriving], write: Write) -> None:
    """Write several packs as one.

    Each step takes one turn of the loop, however much has come: who receives two hundred megabytes
    a second has few turns to give away.

    Raises:
        PackError: One is not what it should be.
        TorrentError: One cannot be had.
    """
    write(joiner.header())  # A pipe has room for that.
    for each in packs:
        joiner.begin()
        at = 0
        while at < each.generation.length:
            end = await each.reached(at)
            await trio.to_thread.run_sync(_copy, joiner, each.path, range(at, end), write)
            at = end
    await trio.to_thread.run_sync(write, joiner.end())


def _copy(joiner: Joiner, path: Path, span: range, write: Write) -> None:
    """Write what lies in a part of a pack. Blocks."""
    with explained(path):
        file = path.open("rb")
    with file:
        file.seek(span.start)
        for at in range(span.start, span.stop, _CHUNK):
            with explained(path):
                part = file.read(min(_CHUNK, span.stop - at))
            write(joiner.feed(part))


def _refusal(code: int, said: str, largest: int) -> str:
    """Why git took nothing, in words."""
    if "over limit" in said or "ut of memory" in said:
        return (
            f"it holds an object of more than {largest} bytes, or asks for more memory than so "
            "little may need: refused (`git config dht.maxObjectSize` sets the limit)"
        )
    if code < 0:
        return "it keeps the processor busy for longer than so little should: refused"
    return f"git refuses what was received: {said.partition(': ')[2] or said}"


def _turn(path: Path) -> int:
    """An index comes last: by it git knows that there is a pack."""
    return _ORDER.index(path.suffix) if path.suffix in _ORDER else 2


def _quoted(path: Path) -> str:
    """A path as git reads it in a list with colons between (git(1), ALTERNATE)."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _flush(directory: Path) -> None:
    """Have the names in a directory survive a power cut."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
