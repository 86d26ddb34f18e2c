"""Gateways among real nodes and sessions: names, what peers have, what an origin has."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio

from dht.testing import Testnet
from tests.cdn_house import House, house, write
from tests.gateways import Door, opened
from tests.naming import KEY, NAME, OTHER
from tests.torrent_samples import noise
from tests.waiting import until
from tests.web import ranged, server
from torrent.cdn import origins
from torrent.cdn.gateway import library
from torrent.cdn.gateway.core.hosts import host_of
from torrent.cdn.gateway.core.planning import FRESH
from torrent.cdn.gateway.core.route import mount_of
from torrent.cdn.name import Name
from torrent.core.metainfo import wrapped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SITE = {"index.html": b"<h1>one</h1>", "film.mp4": noise(3_000_000), "a/b.txt": b"b"}
ROOT = mount_of(NAME)
STRANGER = Name(OTHER.public_key().public_bytes_raw())


@pytest.fixture
async def net() -> AsyncIterator[Testnet]:
    async with Testnet(12) as net:
        yield net


@asynccontextmanager
async def gateway(
    net: Testnet, home: Path, number: int = 5, **more: Any
) -> AsyncIterator[tuple[Door, House]]:
    async with (
        house(net, home, number, fresh=0.1) as owner,
        opened(owner.session, owner.names, home, owner.memory, **more) as door,
    ):
        yield door, owner


async def test_a_site_is_fetched_for_its_visitors_and_outlives_its_publisher(
    net: Testnet, tmp_path: Path
) -> None:
    source = write(tmp_path / "www", SITE)
    async with gateway(net, tmp_path / "g", patience=5) as (door, _):
        async with house(net, tmp_path / "p", 1) as publisher:
            await publisher.publish(source)
            reply = await door.ask(f"{ROOT}/film.mp4", Range="bytes=2000000-2000009")
            assert (reply.status, reply.body) == (206, SITE["film.mp4"][2_000_000:2_000_010])
            assert reply["cache-control"] == FRESH
            page = await door.ask(f"{ROOT}/")
            assert page.body == SITE["index.html"]
            # A new version is seen soon, and what did not change is not fetched again.
            [held] = door.gateway.library.all
            await held.torrent.completed()
            write(source, {"index.html": b"<h1>two</h1>"})
            await publisher.publish(source)
            seen: list[bytes] = []
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_visit, door, f"{ROOT}/", seen)
                await until(lambda: seen and seen[-1] == b"<h1>two</h1>")
                nursery.cancel_scope.cancel()
            newest = door.gateway.library.all[-1]
            await newest.torrent.completed()
            assert newest.torrent.statistics().downloaded < 200_000
            again = await door.ask(f"{ROOT}/film.mp4", If_None_Match=reply["etag"])
            assert again.status == 304
        # The publisher is gone; a second gateway gets it from the first.
        async with gateway(net, tmp_path / "h", 8) as (other, _):
            assert (await other.ask(f"{ROOT}/film.mp4")).body == SITE["film.mp4"]
            told = (await other.ask("/metrics")).body.decode()
            assert 'dhtctl_gateway_reads_total{result="miss"} 1' in told
            [peer] = [line for line in told.splitlines() if 'source="peer"' in line]
            assert int(peer.split()[-1]) >= 3_000_000


async def _visit(door: Door, path: str, seen: list[bytes]) -> None:
    """Ask again and again."""
    while True:
        seen.append((await door.ask(path)).body)


async def test_what_nobody_has(net: Testnet, tmp_path: Path) -> None:
    async with gateway(net, tmp_path / "g", patience=3) as (door, _):
        unknown = await door.ask(f"{mount_of(STRANGER)}/")
        assert (unknown.status, b"asked" in unknown.body) == (404, True)
        assert b"salt" not in unknown.body
        # Who writes a name as it is written elsewhere is told how it is written here.
        slashed = await door.ask(f"{mount_of(STRANGER)}/blog/x.html")
        assert (slashed.status, f"{mount_of(STRANGER)}~blog/".encode() in slashed.body) == (
            404,
            True,
        )
        absent = await door.ask("/btih/" + "ab" * 20 + "/")
        assert (absent.status, b"asked in vain" in absent.body) == (504, True)
        assert not door.session.torrents


async def test_a_gateway_of_some_names_serves_no_others(net: Testnet, tmp_path: Path) -> None:
    async with house(net, tmp_path / "p", 1) as publisher:
        version = await publisher.publish(write(tmp_path / "www", SITE))
        async with gateway(net, tmp_path / "g", only=[NAME]) as (door, _):
            assert (await door.ask(f"{ROOT}/a/b.txt")).body == b"b"
            assert (await door.ask(f"/btih/{version.infohash.hex()}/a/b.txt")).body == b"b"
            assert (await door.ask(f"{mount_of(STRANGER)}/")).status == 403
            slashed = await door.ask(f"{mount_of(Name(NAME.public))}/site/a/b.txt")
            assert (slashed.status, f"{ROOT}/".encode() in slashed.body) == (403, True)
            own = host_of(NAME)
            assert own is not None
            assert (await door.ask("/a/b.txt", Host=own)).body == b"b"
            assert (await door.ask("/btih/" + "ab" * 20 + "/")).status == 403


async def test_the_cache_lets_go_of_what_was_not_used(
    net: Testnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three torrents of a megabyte, room for two; the pinned one and the latest stay."""
    monkeypatch.setattr(library, "_SHARE", 1)
    monkeypatch.setattr(library, "_JUST", 0.0)
    async with house(net, tmp_path / "p", 1) as publisher:
        pinned = await publisher.publish(write(tmp_path / "www", {"x": noise(1_000_000)}))
        roots = []
        for n in range(2):
            made = await publisher.session.create(
                write(tmp_path / f"t{n}", {"y": noise(1_000_000, n)})
            )
            roots.append(made.infohashes[0])
        async with gateway(net, tmp_path / "g", limit=2_500_000, pins=[NAME]) as (door, _):
            cache = door.gateway.library
            assert (await door.ask(f"{ROOT}/x")).status == 200
            for infohash in roots:
                assert len((await door.ask(f"/btih/{infohash.hex()}/y")).body) == 1_000_000
            await cache.tidy()
            assert {held.torrent.infohashes[0] for held in cache.all} == {pinned.infohash, roots[1]}
            places = {path.name for path in (tmp_path / "g" / "cache").iterdir()}
            assert places == {pinned.infohash.hex(), roots[1].hex()}
            assert cache.size <= 2_500_000
            # It comes back when it is asked for.
            assert len((await door.ask(f"/btih/{roots[0].hex()}/y")).body) == 1_000_000


async def test_of_a_large_torrent_only_what_is_asked_for_is_fetched(
    net: Testnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "WHOLE", 1_000_000)
    files = {f"{n}.bin": noise(400_000, n) for n in range(8)}
    async with house(net, tmp_path / "p", 1) as publisher:
        await publisher.publish(write(tmp_path / "www", files))
        async with gateway(net, tmp_path / "g") as (door, _):
            with trio.fail_after(10):  # Whom it parted from in between is met again at once.
                for name in ("6.bin", "1.bin"):
                    assert (await door.ask(f"{ROOT}/{name}")).body == files[name]
                    await door.gateway.library.all[0].torrent.completed()
            assert 800_000 <= door.gateway.library.size <= 2_000_000


async def test_what_is_published_here_is_served_from_its_shelf(
    net: Testnet, tmp_path: Path
) -> None:
    async with gateway(net, tmp_path / "g") as (door, owner):
        made = await owner.snapshot(write(tmp_path / "www", SITE))
        version = await owner.names.publish(KEY, NAME.salt, made.infohash)
        owner.shelf.add(version.seq, made.infohash)
        assert (await door.ask(f"{ROOT}/film.mp4")).body == SITE["film.mp4"]
        assert door.gateway.library.size == 0
        assert not (tmp_path / "g" / "cache").exists()


async def test_an_origin_helps_when_the_swarm_is_slow(net: Testnet, tmp_path: Path) -> None:
    """The publisher sends 50 kB/s; its origin has the same files."""
    files = {f"/www/{name}": data for name, data in SITE.items()}
    source = write(tmp_path / "www", SITE)
    with server(lambda handler: ranged(handler, files)) as origin:
        async with house(net, tmp_path / "p", 1, upload=50_000) as publisher:
            await publisher.publish(source, origin=f"{origin}/")
            async with gateway(net, tmp_path / "g") as (door, _owner):
                with trio.fail_after(20):
                    assert (await door.ask(f"{ROOT}/film.mp4")).body == SITE["film.mp4"]
                peers, origins = door.gateway.library.received
                assert peers > 0
                assert origins >= 2_000_000


async def test_an_origin_rests_when_the_swarm_is_fast(net: Testnet, tmp_path: Path) -> None:
    files = {f"/www/{name}": data for name, data in SITE.items()}
    with server(lambda handler: ranged(handler, files)) as origin:
        async with house(net, tmp_path / "p", 1) as publisher:
            await publisher.publish(write(tmp_path / "www", SITE), origin=f"{origin}/")
            async with gateway(net, tmp_path / "g") as (door, _):
                assert (await door.ask(f"{ROOT}/film.mp4")).body == SITE["film.mp4"]
                assert door.gateway.library.received[1] == 0


async def test_an_origin_suffices_alone(
    net: Testnet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody seeds, so nobody says what it is either, but for the torrent file beside the files."""
    monkeypatch.setattr(origins, "HEAD_START", 0.0)
    files = {f"/www/{name}": data for name, data in SITE.items()}
    async with house(net, tmp_path / "p", 1) as publisher:
        made = await publisher.snapshot(write(tmp_path / "www", SITE))
        torrent = f"/{made.infohash.hex()}.torrent"
        with server(lambda handler: ranged(handler, files)) as origin:
            await publisher.names.publish(KEY, NAME.salt, made.infohash, origin=f"{origin}/")
            async with gateway(net, tmp_path / "g", patience=1) as (door, _):
                assert (await door.ask(f"{ROOT}/index.html")).status == 504
                files[torrent] = wrapped(made.metainfo)
                for name, data in SITE.items():
                    assert (await door.ask(f"{ROOT}/{name}")).body == data
                assert door.gateway.library.received[0] == 0
