"""How long it will take: from what is left and how fast it comes."""

from __future__ import annotations

import pytest

from torrent.io.results import Phase, TorrentStatistics


def standing(*, size: int, done: int, rate: float) -> TorrentStatistics:
    return TorrentStatistics(
        phase=Phase.DOWNLOADING,
        size=size,
        done=done,
        checked=1.0,
        downloaded=done,
        uploaded=0,
        download_rate=rate,
        upload_rate=0.0,
        peers=1,
        known=1,
        seeds=1,
        wasted=0,
    )


@pytest.mark.parametrize(
    ("size", "done", "rate", "seconds"),
    [
        (1000, 400, 100.0, 6.0),
        (1000, 400, 0.0, None),  # nothing comes
        (1000, 1000, 0.0, 0.0),  # all is here
        (0, 0, 0.0, None),  # it is not known yet what there is
    ],
)
def test_seconds_that_remain(size: int, done: int, rate: float, seconds: float | None) -> None:
    assert standing(size=size, done=done, rate=rate).remaining_s == seconds
