"""Disks that are full, files in the way, rights that lack: said clearly, mended, and gone on.

Real ones: a tmpfs of its own for the full disk, limits of the process, and rights given away.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.storing import get, put
from tests.torrent_samples import contents, sample
from torrent.errors import StorageError
from torrent.io.allocation import Allocation
from torrent.io.disk import Disk
from torrent.io.faults import fault
from torrent.io.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIB = 1024 * 1024
MOUNT = ["unshare", "--mount", "--map-root-user"]
"""A mount that only the command's own processes see, and that is gone with them."""


def mounts() -> bool:
    probe = [*MOUNT, "mount", "-t", "tmpfs", "none", "/mnt"]
    try:
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


needs_mount = pytest.mark.skipif(not mounts(), reason="this machine lets nobody mount a tmpfs")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def on_small_disk(tmp_path: Path, name: str) -> str:
    """Run one of the scripts below where ``tmp_path`` is a disk of one mebibyte."""
    inner = f'mount -t tmpfs -o size=1m none "$0" && exec {sys.executable} -P "$1" "$2" "$0"'
    command = [*MOUNT, "sh", "-c", inner, str(tmp_path), __file__, name]
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": root}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def full_when_opened(root: Path) -> None:
    torrent = sample({"f": 2 * MIB})
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, root)
        try:
            await storage.open()
        except StorageError as problem:
            print(problem)
        free = os.statvfs(root)
        print("left free:", free.f_bavail * free.f_frsize > MIB // 2)


async def full_when_written(root: Path) -> None:
    torrent = sample({"f": MIB // 2})
    (root / "other").write_bytes(bytes(MIB * 3 // 4))
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, root, allocation=Allocation.SPARSE)
        await storage.open()
        verdicts = [await put(storage, n, data) for n, data in enumerate(torrent.pieces)]
        print(next(verdict.error for verdict in verdicts if verdict.error))
        stored = [n for n, verdict in enumerate(verdicts) if verdict.ok]
        print("some stored:", 0 < len(stored) < len(torrent.pieces))
        print("stored is true:", list(await storage.check()) == stored == list(storage.trusted))
        (root / "other").unlink()
        for piece, data in enumerate(torrent.pieces):
            if piece not in stored:
                assert (await put(storage, piece, data)).ok
        await storage.close()
    print("then complete:", (root / "f").read_bytes() == torrent.content["f"])


@needs_mount
def test_a_full_disk_shows_before_the_download(tmp_path: Path) -> None:
    told = on_small_disk(tmp_path, "full_when_opened")
    assert f"cannot use {tmp_path}/f" in told
    assert "the disk is full: free some space, then resume" in told
    assert "left free: True" in told


@needs_mount
def test_a_disk_that_fills_up_stops_the_torrent_and_space_mends_it(tmp_path: Path) -> None:
    told = on_small_disk(tmp_path, "full_when_written")
    assert "the disk is full: free some space, then resume" in told
    for line in ("some stored: True", "stored is true: True", "then complete: True"):
        assert line in told


async def test_a_limit_on_file_sizes_is_named(tmp_path: Path) -> None:
    torrent = sample({"f": 100_000})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
        try:
            with pytest.raises(StorageError, match=r"f \(File too large\).*raise the limit"):
                await storage.open()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        await storage.open()
        assert (await put(storage, 6, torrent.pieces[6])).ok


def a_directory(path: Path) -> None:
    path.mkdir(parents=True)


def a_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"mine")


def a_link(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to("/etc")


@pytest.mark.parametrize(
    ("name", "make", "told"),
    [
        ("t/a/b", a_directory, "a directory stands where a file should be"),
        ("t/a", a_file, "something that is no directory stands where a directory should be"),
        ("t/a", a_link, "those are not followed"),
        ("t/a/b", a_link, "it is a symbolic link, and those are not followed"),
        ("t/a/b", os.mkfifo, "it is no ordinary file"),
    ],
)
async def test_what_stands_in_the_way_is_named_and_left(
    tmp_path: Path, name: str, make: Callable[[Path], None], told: str
) -> None:
    torrent = sample({"t/a/b": 20_000, "t/c": 20_000})
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    make(tmp_path / name)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        with pytest.raises(StorageError, match=told) as problem:
            await storage.open()
        assert str(tmp_path / "t/a/b") in str(problem.value)
        (tmp_path / name).rename(tmp_path / "away")
        await storage.open()
        for piece, data in enumerate(torrent.pieces):
            assert (await put(storage, piece, data)).ok


async def test_a_longer_file_is_somebody_elses(tmp_path: Path) -> None:
    torrent = sample({"f": 20_000})
    (tmp_path / "f").write_bytes(bytes(20_001))
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        with pytest.raises(StorageError, match="f has 20001 bytes where the torrent has 20000"):
            await storage.open()
    assert (tmp_path / "f").stat().st_size == 20_001


async def test_a_shorter_file_is_continued(tmp_path: Path) -> None:
    torrent = sample({"f": 50_000})
    (tmp_path / "f").write_bytes(torrent.content["f"][:20_000])
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        assert await storage.open()
        assert list(await storage.check()) == [0]
        for piece in (1, 2, 3):
            assert (await put(storage, piece, torrent.pieces[piece])).ok
    assert contents(tmp_path) == torrent.content


async def test_a_file_that_is_missing_when_written_is_not_begun_anew(tmp_path: Path) -> None:
    """Or pieces that were said to be there would be gone, and nobody told."""
    torrent = sample({"f": 50_000})
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()
        assert (await put(storage, 0, torrent.pieces[0])).ok
        (tmp_path / "f").unlink()
        disk.files.clear()
        verdict = await put(storage, 1, torrent.pieces[1])
        assert not verdict.ok
        assert "it is missing: put it back" in str(verdict.error)
        assert not (tmp_path / "f").exists()


async def test_a_file_cut_short_is_not_served(tmp_path: Path) -> None:
    torrent = sample({"f": 50_000})
    torrent.write(tmp_path)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()
        os.truncate(tmp_path / "f", 40_000)
        assert await get(storage, 3, 0, 100) is None
        assert await get(storage, 0, 0, 100) == torrent.pieces[0][:100]


async def test_a_file_cut_short_between_hash_and_read(tmp_path: Path) -> None:
    torrent = sample({"f": 50_000})
    torrent.write(tmp_path)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()
        assert await storage.trust(3)
        os.truncate(tmp_path / "f", 10)
        with pytest.raises(StorageError, match="cut short"):
            await storage.read(3, 0, 100, memoryview(bytearray(100)))


@contextmanager
def nobody() -> Iterator[None]:
    """Act as a user without rights; every thread of this process does."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@needs_root
async def test_a_directory_without_rights_is_named(tmp_path: Path) -> None:
    torrent = sample({"f": 20_000})
    for directory in (tmp_path, *tmp_path.parents[:3]):
        directory.chmod(directory.stat().st_mode | 0o055)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        with nobody(), pytest.raises(StorageError, match=r"f \(Permission denied\).*permissions"):
            await storage.open()
        torrent.write(tmp_path)
        with nobody():
            # Seeding needs no right to write.
            await storage.open(create=False)
            assert (await storage.check()).full
            disk.files.clear()
            verdict = await put(storage, 0, torrent.pieces[0])
            assert "you have no right to" in str(verdict.error)
        assert (await put(storage, 0, torrent.pieces[0])).ok, "mended, it goes on"


def test_unknown_errors_are_told_as_the_system_tells_them() -> None:
    told = str(fault("x", OSError(9999, "strange")))
    assert told == "cannot use x (strange): check the file and its disk, then resume"
    assert re.search(r"cannot use x \(odd\)", str(fault("x", OSError("odd"))))


if __name__ == "__main__":
    import trio

    trio.run(globals()[sys.argv[1]], Path(sys.argv[2]))
