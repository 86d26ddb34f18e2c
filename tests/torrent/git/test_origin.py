"""The origin: asked for what was signed, and believed nothing else."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trio

from tests import git_house as house
from tests.git_house import Publisher, needs_http
from tests.git_server import serving
from torrent.git.core.manifest import Manifest
from torrent.git.errors import PackError
from torrent.git.origin import take_from_origin

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_http


async def test_what_was_signed_comes_from_an_origin_that_moved_on(tmp_path: Path) -> None:
    source = house.repository(tmp_path / "source")
    manifest = await Publisher(source, tmp_path / "home").publish()
    house.commit(source)
    git = house.bare(tmp_path / "copy")
    with serving(tmp_path) as url:
        signed = replace(manifest, origin=f"{url}/source/.git")
        for keep in await take_from_origin(git, signed, near=True):
            keep.unlink()
        assert house.refs(git.directory) == {}
        house.point(git.directory, manifest)
        assert house.whole(git.directory)
        with pytest.raises(PackError, match="is not on the internet: not asked"):
            await take_from_origin(git, signed)


async def test_an_origin_that_lies(tmp_path: Path) -> None:
    manifest = await Publisher(house.repository(tmp_path / "one"), tmp_path / "home").publish()
    house.commit(house.repository(tmp_path / "other", commits=1), text="another\n")
    git = house.bare(tmp_path / "copy")
    before = house.files(git.directory)
    with serving(tmp_path) as url:
        for path in ("other/.git", "nothing"):
            with pytest.raises(PackError, match="the origin http"):
                await take_from_origin(git, replace(manifest, origin=f"{url}/{path}"), near=True)
    assert house.files(git.directory) == before


async def test_an_origin_whose_name_does_not_resolve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lookup(*_: object, **__: object) -> None:
        await trio.lowlevel.checkpoint()
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(trio.socket, "getaddrinfo", lookup)
    manifest = Manifest(origin="http://nowhere.example/x")
    with pytest.raises(PackError, match=r"nowhere.example is not known"):
        await take_from_origin(house.bare(tmp_path / "copy"), manifest)
