"""A repository becomes a manifest and packs: what changed is one pack more.

What git is asked for is a list of objects, with the paths they were found at, by which it finds
what to compress them against. A walk from the new tips to the old ones gives a little more than is
new: an object that was there before, went, and came back is in it again. An object may be in one
pack only (:mod:`torrent.git.core.packs`), so what older generations have is taken out of the list.

Packs are thin: they hold differences to objects of older generations, which makes an update of a
hundred commits a third as large. What differences are taken to is reachable from the new tips, so
that it stays when waste goes (the edges that ``rev-list`` names are parents of what is new).

Nothing depends on git packing the same objects twice into the same bytes. It does on one machine
and often on two; but a generation is what its first maker made of it, and has that name for ever.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from torrent.core.metainfo import Metainfo, Version, read_metainfo
from torrent.git.core import refs as refnames
from torrent.git.core.manifest import MAX_GENERATIONS, Generation, Manifest
from torrent.git.core.planning import staying
from torrent.git.errors import RepositoryError
from torrent.git.quarantine import Arriving, quarantine
from torrent.io.faults import explained
from torrent.io.hashing import create

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from torrent.git.program import Git
    from torrent.git.store import Store
    from torrent.io.disk import Disk

PRIVATE: Final = (
    b"refs/remotes/",
    b"refs/stash",
    b"refs/bisect/",
    b"refs/worktree/",
    b"refs/rewritten/",
    b"refs/prefetch/",
    b"refs/bundles/",
)
"""What a repository knows for itself: where others stand, and what somebody is in the middle of."""


@dataclass(frozen=True, slots=True)
class State:
    """What is to be published of a repository.

    Attributes:
        refs: Which refs, and what they lead to; see :attr:`.Manifest.refs`.
        head: The branch that HEAD stands for.
        origin: A git URL that has it, too.
    """

    refs: Mapping[bytes, bytes]
    head: bytes = b""
    origin: str = ""


class Found(NamedTuple):
    """What a walk over objects found.

    Attributes:
        objects: A line for each, as git lists it: its id, and a path.
        edges: Commits at which the walk ended.
    """

    objects: dict[bytes, bytes]
    edges: tuple[bytes, ...]


async def state_of(git: Git, origin: str = "") -> State:
    """All that a repository has to publish.

    Raises:
        RepositoryError: git cannot say.
    """
    refs = {
        name: oid
        for name, oid in (await git.refs()).items()
        if not name.startswith(PRIVATE) and not refnames.fault(name)
    }
    head = await git.head()
    if not head:
        refs |= await _detached(git, refs)
    return State(refs, head if head.startswith(refnames.HEADS) else b"", origin)


async def _detached(git: Git, refs: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """HEAD, where it stands for a commit of what is published.

    Of another, somebody is in the middle of something: a rebase, or a bisection.
    """
    said = await git.attempt("for-each-ref", "--contains=HEAD", "--format=%(refname)")
    if said.code or refs.keys().isdisjoint(said.out.splitlines()):
        return {}
    oid = await git.run("rev-parse", "--verify", "HEAD")
    return {refnames.HEAD: bytes.fromhex(oid.decode().strip())}


class Maker:
    """Makes the next manifest of a name.

    Args:
        disk: Its threads hash.
        git: The repository, which has the objects.
        store: Where packs go.
    """

    def __init__(self, disk: Disk, git: Git, store: Store) -> None:
        self._disk = disk
        self._git = git
        self._store = store
        self._size = 20

    async def make(self, state: State, before: Manifest, previous: bytes = b"") -> Manifest:
        """Make what is needed beside the generations of ``before``, which are in the store.

        Args:
            state: What is to be published.
            before: The manifest that it follows; an empty one if it is the first.
            previous: The infohash of that.

        Raises:
            RepositoryError: The repository lacks something, or git failed.
            StorageError: The disk refused.
        """
        if await self._git.shallow():
            raise RepositoryError(
                f"{self._git.directory} is a shallow clone: what it lacks, nobody could fetch; "
                "have all of it with `git fetch --unshallow` first"
            )
        object_format = await self._git.object_format()
        if before.refs and before.object_format != object_format:
            raise RepositoryError(
                f"{self._git.directory} names its objects by {object_format}, and what was "
                f"published under this name does by {before.object_format}: choose another name"
            )
        self._size = refnames.OID_SIZES[object_format]
        await trio.to_thread.run_sync(self._store.make)
        made = await self._generations(state, before)
        return replace(
            made,
            object_format=object_format,
            refs=dict(state.refs),
            head=state.head,
            previous=previous,
            origin=state.origin,
        )

    async def _generations(self, state: State, before: Manifest) -> Manifest:
        """What of ``before`` stays, what is merged, and what is new."""
        wanted, old = frozenset(state.refs.values()), before.generations
        if dict(state.refs) == dict(before.refs):
            return before  # Older ones are merged when there is something to say.
        absent = await self._git.missing(wanted)
        if lost := absent - before.tips:
            raise RepositoryError(f"{self._git.directory} lacks {min(lost).hex()}, which a ref has")
        tips = wanted - absent
        held = await self._contents(before)
        known = frozenset().union(*held)
        there = before.tips - await self._git.missing(before.tips)
        fresh = await self._walk(tips, there)
        new = {oid: line for oid, line in fresh.objects.items() if oid not in known}
        # A walk that finds nothing but a tag ends at no commit; the tag's own is what it needs.
        tagged = await self._git.commits(tip for tip in tips if tip in new)
        edges = tuple(dict.fromkeys((*fresh.edges, *sorted(tagged - new.keys()))))
        waste = before.waste
        if not before.tips <= wanted:
            waste += len((await self._walk(there, tips)).objects)
        keep = staying([each.objects for each in old], waste)
        if keep == len(old) or absent:  # What is not here cannot be packed anew.
            made = [*old, *await self._packed(new, edges, tips)]
            return self._bounded(Manifest(generations=tuple(made), waste=waste))
        return self._bounded(await self._merged(tips, old, held, new, edges, keep))

    async def _merged(
        self,
        tips: frozenset[bytes],
        old: Sequence[Generation],
        held: Sequence[frozenset[bytes]],
        new: Mapping[bytes, bytes],
        edges: tuple[bytes, ...],
        keep: int,
    ) -> Manifest:
        """Keep some, make one of the others without what nothing leads to, and add what is new."""
        everything = (await self._walk(tips, ())).objects
        kept = frozenset().union(*held[:keep])
        middle = {o: line for o, line in everything.items() if o not in kept and o not in new}
        bases = {oid for each in old[keep:] for oid in each.prerequisites} & kept
        ends = tips.union(*(each.tips for each in old[keep:]))
        merged = await self._packed(middle, tuple(sorted(bases & everything.keys())), ends)
        youngest = await self._packed(new, edges, tips)
        made = (*old[:keep], *merged, *youngest)
        waste = sum(each.objects for each in made) - len(everything)
        return Manifest(generations=made, waste=max(waste, 0))

    @staticmethod
    def _bounded(made: Manifest) -> Manifest:
        if len(made.generations) > MAX_GENERATIONS:
            raise RepositoryError(
                "older generations cannot be merged, since this repository lacks some of what "
                "they hold: fetch everything first"
            )
        return made

    async def _contents(self, before: Manifest) -> list[frozenset[bytes]]:
        """The objects in each generation: remembered, or else read from the packs again."""
        store, size = self._store, self._size
        found = [
            await trio.to_thread.run_sync(store.oids, each, size) for each in before.generations
        ]
        if None in found:
            packs = [Arriving.here(each, store.pack(each)) for each in before.generations]
            async with quarantine(self._git) as held:
                await held.receive(before, before.generations, nullcontext(packs))
                again = await held.contents(before)
            for each, oids in zip(before.generations, again, strict=True):
                await trio.to_thread.run_sync(store.note_oids, each, oids)
            return again
        return [oids for oids in found if oids is not None]

    async def _walk(self, tips: Collection[bytes], without: Collection[bytes]) -> Found:
        """All objects that ``tips`` lead to and ``without`` do not; some that both do."""
        asked = [oid.hex() for oid in sorted(tips)] + [f"^{oid.hex()}" for oid in sorted(without)]
        out = await self._git.run(
            "rev-list", "--objects-edge", "--stdin", stdin="".join(f"{a}\n" for a in asked).encode()
        )
        digits = 2 * self._size
        objects, edges = {}, []
        for line in out.split(b"\n"):
            if line.startswith(b"-"):
                edges.append(bytes.fromhex(line[1:].decode()))
            elif line:
                objects[bytes.fromhex(line[:digits].decode())] = line
        return Found(objects, tuple(dict.fromkeys(edges)))

    async def _packed(
        self, objects: Mapping[bytes, bytes], edges: tuple[bytes, ...], tips: Iterable[bytes]
    ) -> list[Generation]:
        """Make a pack, unless there is nothing to put into it."""
        if not objects:
            return []
        lines = [b"-" + edge.hex().encode() for edge in edges] + list(objects.values())
        with explained(self._store.packs):
            handle, name = tempfile.mkstemp(prefix=".new-", suffix=".pack", dir=self._store.packs)
            os.close(handle)
        path = Path(name)
        try:
            await self._git.write(
                path,
                "pack-objects",
                "-q",
                "--stdout",
                "--delta-base-offset",
                stdin=b"\n".join(lines) + b"\n",
            )
            within = tuple(sorted(tip for tip in set(tips) if tip in objects))
            return [await self._adopted(path, objects, edges, within)]
        finally:
            with trio.CancelScope(shield=True):
                await trio.Path(path).unlink(missing_ok=True)

    async def _adopted(
        self,
        path: Path,
        objects: Mapping[bytes, bytes],
        edges: tuple[bytes, ...],
        tips: tuple[bytes, ...],
    ) -> Generation:
        """Give a pack its name, and a place among the others."""
        hashed = read_metainfo((await create(self._disk, path, Version.V2)).metainfo).info
        [file] = hashed.files
        assert file.pieces_root is not None  # noqa: S101 - it is not empty
        made = Generation(file.pieces_root, file.length, len(objects), edges, tips)
        metainfo = Metainfo(made.info.with_layers(hashed.piece_layers))

        def settle() -> None:
            with explained(path):
                path.chmod(0o644)
                path.replace(self._store.pack(made))
            self._store.note_oids(made, objects)
            self._store.note(made, metainfo)

        await trio.to_thread.run_sync(settle)
        return made
