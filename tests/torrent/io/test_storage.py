"""Pieces go in, blocks come out, on real files; beside the stupid answer of tests/torrents.py."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storing import damage, get, put
from tests.torrent_samples import V1, VERSIONS, contents, noise, sample
from torrent.errors import StorageError
from torrent.io.disk import Disk
from torrent.io.storage import Storage

if TYPE_CHECKING:
    from torrent.core.bitfield import Bitfield
    from torrent.core.metainfo import Version

TREE = {"t/a": 40_000, "t/b/c": 10, "t/b/d": 0, "t/e": 70_000, "t/f": 16384}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("piece_length", [16384, 65536])
async def test_what_is_written_is_the_files(
    tmp_path: Path, version: Version, piece_length: int
) -> None:
    torrent = sample(TREE, version, piece_length)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        assert not await storage.open()
        for piece, data in enumerate(torrent.pieces):
            assert (await put(storage, piece, data)).ok
        assert storage.trusted.full
        for piece, data in enumerate(torrent.pieces):
            for begin in range(0, len(data), 16384):
                block = data[begin : begin + 16384]
                assert await get(storage, piece, begin, len(block)) == block
        await storage.flush()
        await storage.close()
    assert contents(tmp_path) == torrent.content


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_false_piece_is_not_written_and_its_blocks_are_told(
    tmp_path: Path, version: Version
) -> None:
    torrent = sample({"f": 50_000}, version, 32768)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()
        false = bytearray(torrent.pieces[0])
        false[20_000] ^= 1
        verdict = await put(storage, 0, bytes(false))
        assert not verdict.ok
        assert verdict.error is None
        assert verdict.digests == tuple(
            hashlib.sha256(false[at : at + 16384]).digest() for at in (0, 16384)
        )
        assert 0 not in storage.trusted
        await storage.close()
    assert not any((tmp_path / "f").read_bytes())


async def test_digests_of_a_good_piece_when_asked_for(tmp_path: Path) -> None:
    torrent = sample({"f": 20_000}, V1, 32768)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()
        data = torrent.pieces[0]
        assert (await put(storage, 0, data)).digests == ()
        verdict = await put(storage, 0, data, digests=True)
        assert verdict.digests == tuple(
            hashlib.sha256(data[at : at + 16384]).digest() for at in (0, 16384)
        )


async def test_nothing_is_served_before_it_was_hashed_in_this_run(tmp_path: Path) -> None:
    torrent = sample(TREE)
    torrent.write(tmp_path)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        assert await storage.open()
        assert storage.readable(0, 0, 100) is None
        assert await get(storage, 0, 0, 100) == torrent.pieces[0][:100]
        assert list(storage.trusted) == [0]
        span = storage.readable(0, 50, 100)
        assert span
        assert os.pread(span.fd, 100, span.offset) == torrent.pieces[0][50:150]


async def test_damage_that_keeps_the_time_is_never_served(tmp_path: Path) -> None:
    torrent = sample({"f": 50_000})
    torrent.write(tmp_path)
    damage(tmp_path / "f", 20_000)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()
        assert await get(storage, 1, 0, 16384) is None
        assert await get(storage, 0, 0, 16384) == torrent.pieces[0]
        # And is mended.
        assert (await put(storage, 1, torrent.pieces[1])).ok
        assert await get(storage, 1, 0, 16384) == torrent.pieces[1]
    assert contents(tmp_path) == torrent.content


async def test_a_file_that_changes_under_us_loses_trust(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    torrent = sample({"t/a": 40_000, "t/b": 40_000})
    torrent.write(tmp_path)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()
        assert (await storage.check()).full
        assert storage.trusted.full
        with (tmp_path / "t/a").open("r+b") as file:
            file.write(b"something else")
        # The file is looked at once a second: not before it is asked for, and then at once.
        assert storage.readable(0, 0, 10) is None
        # The piece that both files share is suspect, the other file's others are not.
        assert list(storage.trusted) == [3, 4]
        assert await get(storage, 0, 0, 10) is None
        assert await get(storage, 1, 0, 10) == torrent.pieces[1][:10]


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_that_is_deleted_or_replaced_loses_trust(
    tmp_path: Path, *, replaced: bool
) -> None:
    torrent = sample({"f": 40_000})
    torrent.write(tmp_path)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()
        assert (await storage.check()).full
        if replaced:
            (tmp_path / "other").write_bytes(noise(40_000, 9))
            (tmp_path / "other").replace(tmp_path / "f")
            assert await get(storage, 0, 0, 10) is None
        else:
            (tmp_path / "f").unlink()
            assert storage.readable(0, 0, 10) is None
            with pytest.raises(StorageError, match="it is missing: put it back"):
                await get(storage, 0, 0, 10)


async def test_whoever_goes_on_writing_is_named_as_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two downloads into one directory, say: it gives up at last, and has served nothing."""
    torrent = sample({"f": 40_000})
    torrent.write(tmp_path)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()
        reads, really = 0, storage._access.read

        def read(piece: int, begin: int, into: memoryview) -> None:
            nonlocal reads
            reads += 1
            if reads <= 3:
                os.utime(tmp_path / "f", ns=(reads, reads))  # the other one has just written
            really(piece, begin, into)

        monkeypatch.setattr(storage._access, "read", read)
        with pytest.raises(StorageError, match="another process is writing to"):
            await storage.read(0, 0, 10, memoryview(bytearray(10)))
        assert reads == 3
        # And once that one has finished, all is well.
        assert await get(storage, 0, 0, 10) == torrent.pieces[0][:10]


async def test_our_own_writes_cost_no_trust(tmp_path: Path) -> None:
    torrent = sample({"f": 64 * 16384})
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()

        async def download(first: int) -> None:
            for piece in range(first, 64, 4):
                assert (await put(storage, piece, torrent.pieces[piece])).ok
                storage._trust._looked.clear()
                assert await get(storage, piece, 0, 16384) == torrent.pieces[piece]
                assert piece in storage.trusted

        async with trio.open_nursery() as nursery:
            for first in range(4):
                nursery.start_soon(download, first)
        assert storage.trusted.full
        assert storage._access.watch.changes == 1, "the first is that it was opened"


async def test_many_who_ask_for_one_piece_hash_it_once(tmp_path: Path) -> None:
    torrent = sample({"f": 40_000})
    torrent.write(tmp_path)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()
        hashed = []
        hashes = storage._access.hashes
        storage._access.hashes = lambda piece: hashed.append(piece) or hashes(piece)  # type: ignore[method-assign,assignment,func-returns-value]
        answers = []

        async def ask() -> None:
            answers.append(await storage.trust(0))

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(ask)
        assert answers == [True] * 20
        assert hashed == [0]


@pytest.mark.parametrize("version", VERSIONS)
async def test_check_finds_what_is_good(tmp_path: Path, version: Version) -> None:
    torrent = sample(TREE, version)
    torrent.write(tmp_path)
    damage(tmp_path / "t/e", 30_000)
    (tmp_path / "t/f").unlink()
    told: list[int] = []
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open(create=False)
        good = await storage.check(progress=told.append)
    false = {(torrent.info.files[torrent.index("t/e")].offset + 30_000) // 16384}
    gone = torrent.info.files[torrent.index("t/f")]
    false |= set(range(gone.offset // 16384, -(-(gone.offset + gone.length) // 16384)))
    assert set(range(torrent.info.piece_count)) - set(good) == false
    assert storage.trusted == good
    assert told[-1] == torrent.info.piece_count
    assert not (tmp_path / "t/f").exists(), "checking makes nothing"


async def test_check_of_some_pieces(tmp_path: Path) -> None:
    torrent = sample({"f": 100_000})
    torrent.write(tmp_path)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open(create=False)
        assert list(await storage.check([1, 4])) == [1, 4]


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from([0, 1, 500, 16383, 16384, 16385, 40_000]), min_size=2, max_size=6),
    st.sampled_from(VERSIONS),
    st.sets(st.integers(0, 20)),
    st.sampled_from([16384, 32768]),
)
def test_check_beside_the_stupid_answer(
    lengths: list[int], version: Version, damaged: set[int], piece_length: int
) -> None:
    if not any(lengths):
        return
    files = {f"t/{number}": size for number, size in enumerate(lengths)}
    torrent = sample(files, version, piece_length)
    false = {piece for piece in damaged if piece < torrent.info.piece_count}

    async def checked(root: Path) -> Bitfield:
        async with Disk() as disk:
            storage = Storage(disk, torrent.info, root)
            await storage.open()
            return await storage.check()

    with TemporaryDirectory() as name:
        root = Path(name)
        torrent.write(root)
        for piece in false:
            file, inside, _ = torrent.info.spans(piece * piece_length, 1)[0]
            damage(root / str(torrent.info.files[file].path), inside)
        assert set(range(torrent.info.piece_count)) - set(trio.run(checked, root)) == false


async def test_flush_reaches_the_disk_and_fingerprints_tell_changes(tmp_path: Path) -> None:
    torrent = sample(TREE)
    async with Disk() as disk:
        storage = Storage(disk, torrent.info, tmp_path)
        await storage.open()
        before = await storage.fingerprint()
        assert before == await storage.fingerprint()
        assert (await put(storage, 0, torrent.pieces[0])).ok
        await storage.flush()
        assert await storage.fingerprint() != before


async def test_a_thousand_torrents_share_one_disk(tmp_path: Path) -> None:
    torrent = sample({"t/a": 20_000, "t/b": 20_000})
    async with Disk(files=8) as disk:
        storages = [Storage(disk, torrent.info, tmp_path / str(n % 50)) for n in range(1000)]
        for storage in storages[:50]:
            await storage.open()
            assert (await put(storage, 1, torrent.pieces[1])).ok
        for storage in storages[:50]:
            assert await get(storage, 1, 0, 16384) == torrent.pieces[1]
        assert len(disk.files) <= 8
