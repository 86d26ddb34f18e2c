"""What is not fit for a repository: refused with a reason, in bounded memory, and nothing moved."""

from __future__ import annotations

import contextlib
import hashlib
import struct
import zlib
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from tests import git_house as house
from tests.git_house import needs_git
from torrent.errors import TorrentError
from torrent.git.core.manifest import Generation, Manifest
from torrent.git.errors import PackError
from torrent.git.quarantine import Arriving, limits_for, quarantine

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = needs_git

COMMIT, TREE, BLOB = 1, 2, 3
_KINDS = {COMMIT: b"commit", TREE: b"tree", BLOB: b"blob"}
PERSON = b"A U Thor <author@example.org> 1700000000 +0000"


def oid(kind: int, data: bytes) -> bytes:
    return hashlib.sha1(b"%b %d\0" % (_KINDS[kind], len(data)) + data).digest()


def entry(kind: int, data: bytes) -> bytes:
    size, head = len(data), []
    byte = kind << 4 | size & 15
    size >>= 4
    while size:
        head.append(byte | 128)
        byte, size = size & 127, size >> 7
    return bytes([*head, byte]) + zlib.compress(data, 9)


def pack(*things: tuple[int, bytes], count: int | None = None) -> bytes:
    number = len(things) if count is None else count
    body = struct.pack(">4sII", b"PACK", 2, number) + b"".join(entry(*each) for each in things)
    return body + hashlib.sha1(body).digest()


def history(*entries: tuple[bytes, bytes, int, bytes]) -> tuple[bytes, list[tuple[int, bytes]]]:
    """A commit of one tree with these entries (mode, name, kind, content)."""
    tree = b"".join(
        b"%b %b\0" % (mode, name) + oid(kind, data) for mode, name, kind, data in entries
    )
    told = b"tree %b\nauthor %b\ncommitter %b\n\nx\n" % (
        oid(TREE, tree).hex().encode(),
        PERSON,
        PERSON,
    )
    inner = [(kind, data) for _, _, kind, data in entries]
    return oid(COMMIT, told), [(COMMIT, told), (TREE, tree), *dict.fromkeys(inner)]


async def receive(
    tmp_path: Path, data: bytes, tip: bytes, objects: int, *, largest: int = 1 << 20
) -> dict[str, bytes]:
    """Offer a pack to a repository; what is in it afterwards."""
    target = tmp_path / "target"
    git = house.bare(target)
    house.run(target, "fetch", "-q", str(house.repository(tmp_path / "old")), "main:main")
    before = house.files(target)
    path = tmp_path / "x.pack"
    path.write_bytes(data)
    one = Generation(b"r" * 32, len(data), objects)
    manifest = Manifest(refs={b"refs/heads/x": tip}, generations=(one,))
    try:
        with trio.fail_after(30):
            async with quarantine(git) as held:
                packs = nullcontext([Arriving.here(one, path)])
                await held.receive(manifest, [one], packs, largest)
                if not await held.check(manifest.tips):
                    raise PackError("not all is there")
                await held.admit()
    finally:
        after = house.files(target)
        assert before.items() <= after.items()
        assert not list((target / "objects").glob("tmp_*"))
    return after


GOOD = (b"100644", b"a", BLOB, b"hello\n")


async def test_what_is_good_is_taken(tmp_path: Path) -> None:
    tip, things = history(GOOD)
    after = await receive(tmp_path, pack(*things), tip, len(things))
    assert [name for name in after if name.endswith(".keep")]
    assert house.run(tmp_path / "target", "cat-file", "-t", tip.hex()) == "commit"


@pytest.mark.parametrize(
    "bad",
    [
        (b"40000", b".git", TREE, b""),
        (b"100644", b".git", BLOB, b"x"),
        (b"120000", b".GIT", BLOB, b"x"),
        (b"100644", b"..", BLOB, b"x"),
        (b"100644", b".", BLOB, b"x"),
        (b"100644", b"a/b", BLOB, b"x"),
        (b"100644", b"git~1", BLOB, b"x"),
        (b"120000", b".gitmodules", BLOB, b"/etc/passwd"),
        (b"40000", b"a", TREE, b""),
    ],
)
async def test_trees_that_leave_the_working_tree(
    tmp_path: Path, bad: tuple[bytes, bytes, int, bytes]
) -> None:
    """Paths into ``.git``, upwards, through a link, and two entries of one name."""
    entries = sorted([GOOD, bad], key=lambda each: each[1])
    tip, things = history(*entries)
    before = trio.current_time()
    with pytest.raises(PackError, match="git refuses what was received"):
        await receive(tmp_path, pack(*things), tip, len(things))
    assert trio.current_time() - before < 20
    assert house.refs(tmp_path / "target").keys() == {"refs/heads/main"}


async def test_a_bomb(tmp_path: Path) -> None:
    """A blob of 64 MiB in 64 KiB, where a mebibyte is the most that is taken."""
    tip, things = history((b"100644", b"a", BLOB, bytes(64 << 20)))
    data = pack(*things)
    assert len(data) < 1 << 17
    with pytest.raises(PackError, match="an object of more than 1048576 bytes"):
        await receive(tmp_path, data, tip, len(things))


async def test_what_is_no_pack(tmp_path: Path) -> None:
    tip, things = history(GOOD)
    good = pack(*things)
    with pytest.raises(PackError, match="is no pack of 3 objects"):
        await receive(tmp_path / "a", b"x" * 100, tip, 3)
    with pytest.raises(PackError, match="refuse"):
        await receive(tmp_path / "b", good[:40] + b"\xff" * 9 + good[49:], tip, 3)
    with pytest.raises(PackError, match="refuse"):
        await receive(tmp_path / "c", pack(*things, count=9), tip, 9)


async def test_what_is_not_all(tmp_path: Path) -> None:
    """A tree lacks its blob; a ref leads to what did not come."""
    tip, things = history(GOOD)
    with pytest.raises(PackError, match="git refuses"):
        await receive(tmp_path / "a", pack(*things[:2]), tip, 2)
    with pytest.raises(PackError, match="not all is there"):
        await receive(tmp_path / "b", pack(*things), b"x" * 20, 3)


async def test_an_object_that_is_there_twice(tmp_path: Path) -> None:
    tip, things = history(GOOD)
    with pytest.raises(PackError, match="git refuses"):
        await receive(tmp_path, pack(*things, things[2]), tip, 4)


async def test_killed_between_any_two_files_that_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever has moved by then: git sees a whole repository, and all can be received again."""
    tip, things = history(GOOD)
    offered = pack(*things)
    raw = Path.replace
    indexed = False
    for moves in range(5):  # Newer gits write a reverse index, too.
        left = iter(range(moves))

        def replace(
            path: Path, target: Path, left: Iterator[int] = left, lasts: int = moves
        ) -> Path:
            if next(left, lasts) == lasts:
                raise KeyboardInterrupt
            return raw(path, target)

        monkeypatch.setattr(Path, "replace", replace)
        here = tmp_path / str(moves)
        with contextlib.suppress(KeyboardInterrupt):
            await receive(here, offered, tip, len(things))
        monkeypatch.undo()
        target = here / "target"
        house.run(target, "fsck", "--full", "--strict")
        # The index comes last, and makes it part of the repository.
        asked = tip.hex().encode() + b"\n"
        said = house.run(target, "cat-file", "--batch-check", stdin=asked)
        indexed = any(target.rglob("pack-*.idx"))
        assert ("missing" in said) is not indexed
    assert indexed


class Slow:
    """A pack that comes in parts, and may end with a failure."""

    def __init__(self, length: int, parts: list[int], *, fails: bool) -> None:
        self.ends = sorted({min(part, length) for part in parts} | {length})
        self.fails = fails

    async def reached(self, at: int) -> int:
        await trio.lowlevel.checkpoint()
        end = next(end for end in self.ends if end > at)
        if self.fails and end == self.ends[-1]:
            raise TorrentError("the disk is full")
        return end


@pytest.mark.parametrize("parts", [[1], [11, 12, 13], [3, 40, 100, 101], [10**6]])
async def test_a_pack_that_comes_in_parts(tmp_path: Path, parts: list[int]) -> None:
    tip, things = history(GOOD)
    data = pack(*things)
    git = house.bare(tmp_path / "target")
    (tmp_path / "x.pack").write_bytes(data)
    one = Generation(b"r" * 32, len(data), len(things))
    manifest = Manifest(refs={b"refs/heads/x": tip}, generations=(one,))
    for fails in (True, False):
        slow = Slow(len(data), parts, fails=fails)
        packs = nullcontext([Arriving(one, tmp_path / "x.pack", slow.reached)])
        async with quarantine(git) as held:
            if fails:
                with pytest.raises(TorrentError, match="the disk is full"):
                    await held.receive(manifest, [one], packs)
            else:
                await held.receive(manifest, [one], packs)
                assert await held.check(manifest.tips)
                await held.admit()
        assert bool(list((git.directory / "objects" / "pack").iterdir())) is not fails
        assert not list((git.directory / "objects").glob("tmp_*"))
    house.run(git.directory, "cat-file", "commit", tip.hex())


def test_limits_grow_with_what_has_to_be_downloaded() -> None:
    few, many = Generation(b"", 1000, 10), Generation(b"", 1 << 30, 10_000_000)
    assert limits_for([few]).allocation == 128 << 20
    assert limits_for([many]).allocation == 2_560_000_000
    assert limits_for([many]).seconds > limits_for([few]).seconds
