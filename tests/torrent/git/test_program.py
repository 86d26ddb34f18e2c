"""Git as a program: whose environment it has, what it may take, and how it ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import trio

from tests import git_house as house
from tests.git_house import bare, needs_git
from torrent.errors import TorrentError
from torrent.git.errors import RepositoryError
from torrent.git.program import Git, Limits

if TYPE_CHECKING:
    from pathlib import Path

    from torrent.git.program import Write

pytestmark = needs_git
AMPLE = Limits(1 << 30, 1 << 30, 60)
MUCH = bytes(1 << 20)


async def test_nothing_of_who_started_us_reaches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a hook, where git names the repository *it* works on."""
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_WORK_TREE"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    found = await Git.find(house.repository(tmp_path / "here"))
    assert found.directory == tmp_path / "here" / ".git"
    assert await found.head() == b"refs/heads/main"
    assert await found.path("objects") == found.directory / "objects"


async def test_where_there_is_none(tmp_path: Path) -> None:
    for where in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(RepositoryError):
            await Git.find(where)
    with pytest.raises(RepositoryError, match="git cat-file failed in"):
        await bare(tmp_path / "x").run("cat-file", "-p", "HEAD")


async def test_what_is_replaced_is_seen_as_it_is(tmp_path: Path) -> None:
    source = house.repository(tmp_path / "source", commits=2)
    tip, old = (house.run(source, "rev-parse", name) for name in ("HEAD", "HEAD~1"))
    house.run(source, "replace", tip, old)
    told = await (await Git.find(source)).run("log", "--format=%H", tip)
    assert told.decode().split() == [tip, old]


async def test_it_is_fed_until_it_ends(tmp_path: Path) -> None:
    git, sent = bare(tmp_path / "x"), 0

    async def pour(write: Write) -> None:
        nonlocal sent
        for _ in range(64):
            await trio.to_thread.run_sync(write, MUCH)
            sent += 1

    outcome = await git.feed("hash-object", "--stdin", pour=pour, limits=AMPLE)
    assert (outcome.code, sent, len(outcome.out)) == (0, 64, 41)
    sent = 0
    with trio.fail_after(20):
        outcome = await git.feed("index-pack", "--stdin", pour=pour, limits=AMPLE)
    assert outcome.code
    assert sent < 64, "nobody reads any more"
    assert "signature" in outcome.said


async def test_it_is_stopped_when_there_is_nothing_to_feed_it(tmp_path: Path) -> None:
    async def fails(write: Write) -> None:
        await trio.to_thread.run_sync(write, b"PACK")
        raise TorrentError("nobody has it")

    async def hangs(write: Write) -> None:
        write(b"PACK")
        await trio.sleep_forever()

    git = bare(tmp_path / "x")
    with trio.fail_after(20), pytest.raises(TorrentError, match="nobody has it"):
        await git.feed("index-pack", "--stdin", pour=fails, limits=AMPLE)
    with trio.move_on_after(0.1) as waiting:
        await git.feed("index-pack", "--stdin", pour=hangs, limits=AMPLE)
    assert waiting.cancelled_caught


async def test_it_takes_no_more_than_it_may(tmp_path: Path) -> None:
    async def pour(write: Write) -> None:
        while True:
            await trio.to_thread.run_sync(write, MUCH)

    begun = time.process_time()
    outcome = await bare(tmp_path / "x").feed(
        "hash-object", "--stdin", pour=pour, limits=Limits(1 << 20, 1 << 30, 60)
    )
    assert outcome.code == 128, outcome
    assert "over limit" in outcome.said or "ut of memory" in outcome.said
    assert time.process_time() - begun < 10
