"""Mirrors among real nodes and sessions: only what changed moves, and nothing half is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from dht.testing import Testnet
from tests.cdn_house import PATIENCE, house, tree, write
from tests.naming import KEY, NAME, infohash
from tests.torrent_samples import noise, sample
from tests.waiting import until
from torrent.cdn import mirror as module
from torrent.cdn.errors import SiteError
from torrent.core.metainfo import Version, read_metainfo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SITE = {"index.html": b"<h1>one</h1>", "a/big": noise(300_000), "a/b/small": noise(1000, 1)}


@pytest.fixture
async def net() -> AsyncIterator[Testnet]:
    async with Testnet(12) as net:
        yield net


async def test_a_mirror_shows_what_was_published_and_then_what_is_newer(
    net: Testnet, tmp_path: Path
) -> None:
    source = write(tmp_path / "www", SITE)
    async with (
        house(net, tmp_path / "p", 1) as publisher,
        house(net, tmp_path / "m", 5, fresh=0.1) as mirror,
        trio.open_nursery() as nursery,
    ):
        await publisher.publish(source)
        send, receive = trio.open_memory_channel[int](10)
        nursery.start_soon(mirror.mirror().run, lambda version: send.send_nowait(version.seq))
        with trio.fail_after(PATIENCE):
            assert await receive.receive() == 1
            assert mirror.seen() == SITE
            (source / "index.html").write_bytes(b"<h1>two</h1>")
            (source / "a" / "b" / "small").unlink()
            await publisher.publish(source)
            assert await receive.receive() == 2
        assert mirror.seen() == {"index.html": b"<h1>two</h1>", "a/big": SITE["a/big"]}
        assert len(mirror.session.torrents) == 2  # The version before is still served.
        nursery.cancel_scope.cancel()


async def test_one_file_of_two_hundred_moves_alone(net: Testnet, tmp_path: Path) -> None:
    """What the follower's sockets received is at most 1.05 times the file that changed."""
    big = 4_000_000
    files = {f"{n:03}.bin": noise(2000 + n, n) for n in range(199)} | {"film": noise(big, 500)}
    source = write(tmp_path / "www", files)
    async with house(net, tmp_path / "p", 1) as publisher, house(net, tmp_path / "m", 5) as mirror:
        await publisher.publish(source)
        await mirror.follow()
        before = received(mirror.session)
        (source / "film").write_bytes(noise(big, 501))
        await publisher.publish(source)
        await mirror.follow()
        moved = received(mirror.session) - before
        assert mirror.seen() == tree(source)
        assert big <= moved <= 1.05 * big


def received(session: object) -> int:
    from torrent.io.session import Session

    assert isinstance(session, Session)
    return session.statistics().downloaded


async def test_a_file_that_moved_does_not_move(net: Testnet, tmp_path: Path) -> None:
    source = write(tmp_path / "www", SITE)
    async with house(net, tmp_path / "p", 1) as publisher, house(net, tmp_path / "m", 5) as mirror:
        await publisher.publish(source)
        await mirror.follow()
        (source / "a" / "big").rename(source / "elsewhere")
        write(source, {"new": b"new"})
        await publisher.publish(source)
        old = (mirror.home / "site" / "a" / "big").stat().st_ino
        await mirror.follow()
        assert mirror.seen() == tree(source)
        assert (mirror.home / "site" / "elsewhere").stat().st_ino == old


async def test_what_was_damaged_here_is_fetched_again(net: Testnet, tmp_path: Path) -> None:
    """An old file is never trusted unseen."""
    source = write(tmp_path / "www", SITE)
    async with house(net, tmp_path / "p", 1) as publisher, house(net, tmp_path / "m", 5) as mirror:
        await publisher.publish(source)
        await mirror.follow()
        write(mirror.home / "site", {"a/big": noise(300_000, 77)})
        write(source, {"new": b"new"})
        await publisher.publish(source)
        await mirror.follow()
        assert mirror.seen() == tree(source)


async def test_old_versions_are_pruned(net: Testnet, tmp_path: Path) -> None:
    source = write(tmp_path / "www", SITE)
    async with house(net, tmp_path / "p", 1) as publisher, house(net, tmp_path / "m", 5) as mirror:
        for number in range(4):
            write(source, {"number": b"%d" % number})
            await publisher.publish(source)
            await mirror.follow(keep=2)
        root = mirror.home / ".site.versions"
        assert len([path for path in root.iterdir() if path.is_dir()]) == 2
        assert [each.seq for each in mirror.memory.shelved(NAME)] == [4, 3]
        assert len(mirror.session.torrents) == 2


# The publisher dies.


async def test_the_publisher_dies_and_the_name_lives(net: Testnet, tmp_path: Path) -> None:
    """A new follower gets name and files from a mirror alone; then the publisher comes back."""
    source = write(tmp_path / "www", SITE)
    async with house(net, tmp_path / "m", 5) as mirror:
        async with house(net, tmp_path / "p", 1) as publisher:
            await publisher.publish(source)
            await mirror.follow()
        await net.kill([net.node(1)])
        forgotten(net, keeper=mirror.node)
        async with house(net, tmp_path / "n", 7) as new:
            assert (await new.follow()).seq == 1
            assert new.seen() == SITE
        write(source, {"index.html": b"back"})
        async with house(net, tmp_path / "p", 3) as publisher:
            assert (await publisher.publish(source)).seq == 2
            assert (await mirror.follow()).seq == 2
        assert mirror.seen()["index.html"] == b"back"


def forgotten(net: Testnet, keeper: object) -> None:
    """Two hours pass: what nobody kept is forgotten, and the keeper's promise falls due."""
    from dht.core.keys import MAINLINE_SPACE

    key = MAINLINE_SPACE.from_bytes(NAME.key)
    held = []
    for node in net.nodes:
        for port in node._living.host.ports:
            records = port.engine.records
            if key in records:
                held.append(records.get(key))
                records._erase(key)
    assert held
    promised = [what for _, what in keeper._living.keeper._standing.items()]  # type: ignore[attr-defined]
    assert promised == [held[0]]
    from tests.naming import plant

    plant(net, promised[0])


# What nobody should follow.


async def test_a_directory_with_somebody_s_files_is_left_alone(
    net: Testnet, tmp_path: Path
) -> None:
    source = write(tmp_path / "www", SITE)
    async with house(net, tmp_path / "p", 1) as publisher, house(net, tmp_path / "m", 5) as mirror:
        await publisher.publish(source)
        write(mirror.home / "site", {"mine": b"precious"})
        with pytest.raises(SiteError, match="is no mirror"):
            await mirror.follow()
        assert mirror.seen() == {"mine": b"precious"}
        (mirror.home / "site" / "mine").unlink()
        await mirror.follow()
        assert mirror.seen() == SITE


async def test_too_many_files_are_refused(
    net: Testnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 2)
    source = write(tmp_path / "www", SITE)
    async with house(net, tmp_path / "p", 1) as publisher, house(net, tmp_path / "m", 5) as mirror:
        await publisher.publish(source)
        with pytest.raises(SiteError, match="files, and 2 are the most"):
            await mirror.follow()
        assert mirror.seen() == {}


async def test_a_torrent_of_one_file_is_shown_in_a_directory(net: Testnet, tmp_path: Path) -> None:
    what = sample({"film": 40_000}, Version.HYBRID)
    what.write(tmp_path / "files")
    async with house(net, tmp_path / "p", 1) as publisher, house(net, tmp_path / "m", 5) as mirror:
        torrent = await publisher.session.add(read_metainfo(what.metainfo), tmp_path / "files")
        await torrent.ready()
        await publisher.names.publish(KEY, NAME.salt, what.info.infohashes[0])
        await mirror.follow()
        assert mirror.seen() == {"film": what.content["film"]}


async def test_a_newer_version_ends_the_wait_for_one_that_nobody_has(
    net: Testnet, tmp_path: Path
) -> None:
    source = write(tmp_path / "www", SITE)
    async with (
        house(net, tmp_path / "p", 1) as publisher,
        house(net, tmp_path / "m", 5, fresh=0.1) as mirror,
        trio.open_nursery() as nursery,
    ):
        await publisher.names.publish(KEY, NAME.salt, infohash(1))
        done = trio.Event()
        nursery.start_soon(mirror.mirror().run, lambda _: done.set())
        with trio.fail_after(PATIENCE):
            await until(lambda: mirror.session.torrents)  # that it waits, nothing says
            await publisher.publish(source)
            await done.wait()
        assert mirror.seen() == SITE
        nursery.cancel_scope.cancel()
