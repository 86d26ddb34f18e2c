"""Repositories over HTTP: what is on the list, and that it is there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dht.testing import Testnet
from tests import git_house as git
from tests.cdn_house import House, house
from tests.gateways import Door, opened
from tests.git_house import Publisher, needs_git
from tests.naming import KEY, NAME
from torrent.cdn.gateway import gateway
from torrent.git.releasing import held, release
from torrent.git.serving import PREFIX, Bundles
from torrent.io.disk import Disk

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

pytestmark = needs_git
BASE = f"{PREFIX}{NAME}/"


async def publish(owner: House, publisher: Publisher) -> None:
    """Let the name lead to what the repository holds now, and seed that."""
    manifest = await publisher.publish()
    async with Disk() as disk:
        first = await release(disk, publisher.store, manifest)
        for each in (first, *await held(disk, publisher.store, manifest)):
            torrent = await owner.session.add(each.metainfo, each.directory, intact=True)
            await torrent.ready()
    await owner.names.publish(KEY, NAME.salt, first.infohash)


async def listed(door: Door) -> list[str]:
    text = (await door.ask(f"{BASE}bundles", Host="127.0.0.1:99")).body.decode()
    return re.findall(r"\turi = http://127\.0\.0\.1:99/git/(.*)\n", text)


async def test_the_list_is_the_newest_and_all_of_an_older_one_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is looked up again after a minute; who clones wants the list of now."""
    monkeypatch.setattr(gateway, "_SOON", 0.0)
    publisher = Publisher(git.repository(tmp_path / "source"), tmp_path / "home")
    async with Testnet(12) as net, house(net, tmp_path / "p", 1) as owner:
        await publish(owner, publisher)
        async with (
            house(net, tmp_path / "g", 5) as reader,
            opened(reader.session, reader.names, tmp_path / "g", reader.memory) as door,
        ):
            assert reader.names.fresh >= 60
            door.gateway.provide(PREFIX, Bundles(door.gateway))
            before = await listed(door)
            git.run(publisher.source, "commit", "-q", "--amend", "-m", "another")
            await publish(owner, publisher)
            after = await listed(door)
            assert before
            assert set(after) - set(before)
            for path in {*before, *after}:
                bundle = await door.ask(f"{PREFIX}{path}")
                assert (bundle.status, bundle.body[:15]) == (200, b"# v2 git bundle")
            assert (await door.ask(f"{BASE}none.bundle")).status == 404
            # Without a host, there is none to be named.
            old = await (await door.visitor()).raw(f"GET {BASE}bundles HTTP/1.0\r\n\r\n".encode())
            names = re.findall(r"\turi = (.*)\n", old.decode())
            assert [f"{BASE}{name}".removeprefix(PREFIX) for name in names] == after
