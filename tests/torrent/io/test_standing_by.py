"""A session that has at work what its state says, and strangers that it turns away."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from tests.torrent_samples import V1, sample
from tests.waiting import PATIENCE, until
from torrent.errors import SessionError
from torrent.io.memory import Memory
from torrent.io.session import Session
from torrent.io.task import read_task

if TYPE_CHECKING:
    from pathlib import Path

HERE = (("127.0.0.1", 0),)
WHAT = sample({"f": 50_000}, V1)
(NAME,) = WHAT.info.infohashes


async def test_what_another_process_adds_and_forgets_is_followed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with (
        Session(listen=HERE, state=state) as one,
        Memory.open(state) as other,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(one.follow)
        await other.remember(read_task(WHAT.metainfo, tmp_path / "there"))
        await until(lambda: len(one.torrents) == 1)
        await one.torrents[0].ready()
        await other.forget(NAME)
        await until(lambda: not one.torrents)
        nursery.cancel_scope.cancel()


async def test_following_names_ends_with_them(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with Session(listen=HERE, state=state) as one, Memory.open(state) as other:
        torrent = await one.add(WHAT.metainfo, tmp_path / "there", kept=False)
        await torrent.ready()
        await one.keep(torrent)
        await other._load()
        async with trio.open_nursery() as nursery:

            async def follow() -> None:
                with trio.fail_after(PATIENCE):
                    await one.follow([NAME])

            nursery.start_soon(follow)
            await trio.testing.wait_all_tasks_blocked()
            await other.forget(NAME)
        assert not [each for each in one._memory.all() if each.infohash == NAME]  # type: ignore[union-attr]


async def test_without_a_state_there_is_nothing_to_follow() -> None:
    async with Session(listen=HERE) as one:
        with pytest.raises(SessionError, match="no state"):
            await one.follow()
        assert await one.restore() == ()


async def test_a_session_is_entered_once() -> None:
    async with Session(listen=HERE) as one:
        with pytest.raises(RuntimeError, match="make another"):
            await one.__aenter__()


async def test_who_comes_when_all_is_full_is_turned_away() -> None:
    async with Session(listen=HERE, connections=0) as one:
        await hangs_up(one, b"")


async def test_who_wants_another_torrent_learns_nothing() -> None:
    async with Session(listen=HERE) as one:
        await hangs_up(one, b"\x13BitTorrent protocol" + bytes(48))


async def hangs_up(session: Session, said: bytes) -> None:
    with socket.create_connection(session.addresses[0]) as sock:
        sock.sendall(said)
        sock.settimeout(PATIENCE)
        assert await trio.to_thread.run_sync(sock.recv, 1) == b""


async def test_a_peer_that_is_not_there_is_no_harm(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        endpoint = gone.getsockname()
    async with Session(listen=HERE) as one:
        torrent = await one.add(WHAT.metainfo, tmp_path, peers=[endpoint])
        await torrent.ready()
        await until(lambda: torrent.sharing.dialled > 0 and not one.statistics().dialling)
        assert (torrent.sharing.answered, torrent.statistics().peers) == (0, 0)
