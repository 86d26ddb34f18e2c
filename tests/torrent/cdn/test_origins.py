"""What an origin says a torrent is, and that nothing but the truth is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.torrent_samples import HYBRID, sample
from tests.web import ranged, server
from torrent.cdn import origins
from torrent.core.metainfo import Magnet, Metainfo
from torrent.errors import TorrentError
from torrent.io.session import Session

if TYPE_CHECKING:
    from pathlib import Path

OURS, OTHER = sample({"t/a": 9}, HYBRID), sample({"t/b": 9}, HYBRID)
INFOHASH = OURS.info.infohashes[0].hex()


def link(*web_seeds: str) -> Magnet:
    return Magnet(OURS.info.infohash_v1, None, web_seeds=web_seeds)


@pytest.mark.parametrize("slash", ["", "/"])
async def test_the_first_origin_that_tells_the_truth_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slash: str
) -> None:
    monkeypatch.setattr(origins, "HEAD_START", 0.0)
    files = {
        f"/false/{INFOHASH}.torrent": OTHER.metainfo,
        f"/nonsense/{INFOHASH}.torrent": b"d4:infoi0ee",
        f"/true/{INFOHASH}.torrent": OURS.metainfo,
    }
    with server(lambda handler: ranged(handler, files)) as url:
        several = link(*(f"{url}/{place}{slash}" for place in ("false", "nonsense", "no", "true")))
        async with Session(listen=()) as session:
            torrent = await session.add(several, tmp_path, metadata_only=True, kept=False)
            assert await origins.learn(torrent, several) == OURS.info
        several = link(f"{url}/false/", f"{url}/nonsense/", "http://127.0.0.1:9/")
        assert await origins._asked(several) is None


async def test_peers_have_a_head_start(tmp_path: Path) -> None:
    """What is known at once is asked of nobody."""

    def refused(handler: object) -> None:
        raise AssertionError(handler)

    with server(refused) as url:
        async with Session(listen=()) as session:
            torrent = await session.add(Metainfo(OURS.info), tmp_path)
            assert await origins.learn(torrent, link(f"{url}/")) == OURS.info


async def test_what_was_removed_is_not_learned(tmp_path: Path) -> None:
    async with Session(listen=()) as session:
        torrent = await session.add(link(), tmp_path, metadata_only=True, kept=False)
        await session.remove(torrent)
        with pytest.raises(TorrentError, match="removed"):
            await origins.learn(torrent, link())
