"""Names that lead to what nobody should follow: refused, or harmless, in bounded memory."""

from __future__ import annotations

import hashlib
import os
import resource
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from dht.codec.bencode import encode
from dht.testing import Testnet
from tests.cdn_house import House, house
from tests.naming import KEY, NAME
from tests.torrent_samples import V1, sample
from torrent.cdn.errors import SiteError
from torrent.core.metainfo import Metainfo, read_metainfo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

MILLION = 1_000_000
BLOCK = b"x" * 16384
PIECES = hashlib.sha1(BLOCK).digest()


@pytest.fixture
async def net() -> AsyncIterator[Testnet]:
    async with Testnet(12) as net:
        yield net


def bad_info(files: list[dict[bytes, Any]], name: bytes = b"site") -> bytes:
    return encode({b"name": name, b"piece length": 16384, b"pieces": PIECES, b"files": files})


async def mislead(publisher: House, raw: bytes, tmp_path: Path) -> None:
    """Serve metadata that the publisher's own session would never have made."""
    good = sample({"t/a": 16384}, V1)
    good.write(tmp_path / "files")
    infohash = hashlib.sha1(raw).digest()
    lying = replace(good.info, raw=raw)  # Its name is the hash of that.
    torrent = await publisher.session.add(Metainfo(lying), tmp_path / "files", kept=False)
    await torrent.ready()
    await publisher.names.publish(KEY, NAME.salt, infohash)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (
            bad_info([{b"length": 0, b"path": [b"%d" % n]} for n in range(MILLION)]),
            "more than",
        ),
        (b"d" * 100_000, "info"),
        (encode({b"name": b"site"}), "piece length"),
        (bad_info([{b"length": -1, b"path": [b"a"]}]), "length"),
        (bad_info([{b"length": 2**62, b"path": [b"a"]}]), "length"),
    ],
    ids=["a million files", "depth", "nothing", "negative", "huge"],
)
async def test_what_cannot_be_is_refused(
    net: Testnet, tmp_path: Path, raw: bytes, why: str
) -> None:
    async with house(net, tmp_path / "p", 1) as publisher, house(net, tmp_path / "m", 5) as mirror:
        await mislead(publisher, raw, tmp_path)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(SiteError, match="no torrent that can be had") as caught:
            await mirror.follow()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert why in str(caught.value)
        # KiB: 3,000,000 tokens and no more are read, 190 bytes each; both ends are in here.
        assert grown < 700 * 1024
        assert not os.path.lexists(mirror.home / "site")  # noqa: ASYNC240


async def test_paths_and_links_that_leave_stay_inside(net: Testnet, tmp_path: Path) -> None:
    """Names are made harmless before anything is written, and such links are never made."""
    files = [
        {b"length": 16384, b"path": [b"..", b"..", b"escaped"]},
        {b"length": 0, b"path": [b"leak"], b"attr": b"l", b"symlink path": [b"..", b"..", b"m"]},
        {
            b"length": 0,
            b"path": [b"root"],
            b"attr": b"l",
            b"symlink path": [b"", b"etc", b"passwd"],
        },
    ]
    metainfo = read_metainfo(encode({b"info": {}})[:-3] + bad_info(files) + b"e")
    here = tmp_path / "files"
    path = here.joinpath(*metainfo.info.files[0].path.parts)
    path.parent.mkdir(parents=True)
    path.write_bytes(BLOCK)
    async with house(net, tmp_path / "p", 1) as publisher, house(net, tmp_path / "m", 5) as mirror:
        torrent = await publisher.session.add(metainfo, here)
        await torrent.completed()
        await publisher.names.publish(KEY, NAME.salt, metainfo.info.infohashes[0])
        await mirror.follow()
        [(name, data)] = mirror.seen().items()
        assert (data, ".." in name) == (BLOCK, False)
        inside = (mirror.home / ".site.versions").resolve()
        for found in inside.rglob("*"):
            assert found.resolve().is_relative_to(inside)
        assert {each.name for each in mirror.home.iterdir()} <= {
            "state",
            "site",
            ".site.versions",
        }
