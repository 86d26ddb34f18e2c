"""Between a web seed and a swarm: portions of any size in, whole blocks out."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from tests.torrent_samples import HYBRID, V1, V2, VERSIONS, sample
from tests.waiting import pass_time
from torrent.core.webseed import PieceRun
from torrent.io.webwork import WebWork, layout

if TYPE_CHECKING:
    from torrent.core.metainfo import Version
    from torrent.io.torrent import Torrent

BLOCK = 16384
URL = "http://seed.example/"
FILES = {"t/a": 40_000, "t/b/c": 3, "t/d": 0, "t/e": 90_001}


@pytest.mark.parametrize("version", VERSIONS)
def test_piece_space_is_the_files_in_a_row(version: Version) -> None:
    """In v2 what lies between them is padding, listed or not."""
    what = sample(FILES, version, BLOCK)
    found = layout(what.info)
    offset = 0
    starts = {}
    for file in found.files:
        if not file.pad:
            starts["/".join((found.name, *file.path))] = (offset, file.length)
        offset += file.length
    real = [file for file in what.info.files if not file.pad]
    assert starts == {str(file.path): (file.offset, file.length) for file in real}
    assert (found.pieces, found.single) == (what.info.piece_count, False)


@pytest.mark.parametrize("version", VERSIONS)
def test_one_file_is_the_url_itself(version: Version) -> None:
    found = layout(sample({"f": 50_000}, version, BLOCK).info)
    assert [(file.path, file.length) for file in found.files] == [((), 50_000)]
    assert (found.single, found.name) == (True, "f")


@dataclass
class Recording:
    """A torrent, its sharing and its swarm, as far as web work knows them: it takes blocks."""

    info: Any
    runs: list[PieceRun] = field(default_factory=list)
    blocks: list[tuple[int, int, bytes]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    asked: int = 0
    complete: bool = False
    peers: int = 0
    downloaded: int = 0
    web_seeds: tuple[Any, ...] = ()

    def statistics(self) -> Recording:
        return self

    @property
    def sharing(self) -> Recording:
        return self

    @property
    def swarm(self) -> Recording:
        return self

    def perform(self, effects: object) -> None:
        assert effects is None

    def webseed_run(self, url: str, now: float) -> PieceRun | None:
        assert url == URL
        self.asked += 1
        return self.runs.pop(0) if self.runs else None

    def webseed_block(self, url: str, piece: int, begin: int, data: memoryview, now: float) -> None:
        assert url == URL
        self.blocks.append((piece, begin, bytes(data)))

    def webseed_failed(self, url: str, now: float) -> None:
        self.failed.append(url)

    async def moved(self) -> None:
        await trio.sleep_forever()


def work(torrent: Recording) -> WebWork:
    return WebWork(cast("Torrent", torrent), URL)


@given(st.data(), st.sampled_from([V1, V2, HYBRID]))
def test_portions_of_any_size_become_whole_blocks(data: st.DataObject, version: Version) -> None:
    what = sample({"t/a": 70_000, "t/b": 100_000}, version, 4 * BLOCK)
    piece = data.draw(st.integers(0, what.info.piece_count - 1))
    size = what.info.piece_size(piece)
    # A server's pieces are those of piece space, padding included, which v2 does not count.
    sent = what.pieces[piece] + bytes(4 * BLOCK - size)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(sent) - 1), max_size=9)))
    torrent = Recording(what.info)

    async def deliver() -> None:
        ours = work(torrent)
        for begin, end in pairwise([0, *cuts, len(sent)]):
            await ours.deliver(piece, begin, memoryview(sent)[begin:end])

    trio.run(deliver)
    whole = [what.pieces[piece][at : at + BLOCK] for at in range(0, size, BLOCK)]
    assert torrent.blocks == [(piece, n * BLOCK, block) for n, block in enumerate(whole)]


async def test_a_new_run_begins_with_nothing_left_of_the_last() -> None:
    what = sample({"f": 3 * BLOCK}, V1, BLOCK)
    torrent = Recording(what.info, [PieceRun(0), PieceRun(1)])
    ours = work(torrent)
    assert await ours.next_run() == PieceRun(0)
    await ours.deliver(0, 0, memoryview(what.pieces[0])[:100])
    ours.abandoned(PieceRun(0))
    assert torrent.failed == [URL]
    assert await ours.next_run() == PieceRun(1)
    await ours.deliver(1, 0, memoryview(what.pieces[1]))
    assert torrent.blocks == [(1, 0, what.pieces[1])]


async def test_it_looks_for_work_once_a_second(autojump_clock: trio.testing.MockClock) -> None:
    torrent = Recording(sample({"f": 5}, V1).info)
    with trio.move_on_after(10.5):
        await work(torrent).next_run()
    assert torrent.asked == 11


async def test_a_server_rests_while_peers_are_faster(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It is thought to send 1.25 MB/s until it showed otherwise."""
    torrent = Recording(sample({"f": 5}, V1).info, [PieceRun(0)] * 4, peers=3)
    ours = work(torrent)

    async def peers(rate: float) -> None:
        while True:
            await pass_time(0.01)
            torrent.downloaded += round(rate * 0.01)

    async def begun(rate: float) -> float:
        started = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peers, rate)
            with trio.move_on_after(20):
                await ours.next_run()
            nursery.cancel_scope.cancel()
        return trio.current_time() - started

    assert await begun(2_000_000) > 19
    assert await begun(1_000_000) < 1
    assert await begun(1_000_000) == 0  # What peers do is known by now.
    # A run that was over at once shows how far the server is, not how fast.
    ours._begun, ours._brought = trio.current_time() - 0.1, 32_768
    assert await begun(1_000_000) == 0
    # Now it shows that it is slow: half of that, and the same peers are faster.
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peers, 1_000_000)
        await pass_time(1)
        nursery.cancel_scope.cancel()
    ours._brought = 500_000
    assert await begun(1_000_000) > 19
    # Nobody else is there; only at first is somebody waited for.
    torrent.peers = 0
    assert await begun(0) == 0
