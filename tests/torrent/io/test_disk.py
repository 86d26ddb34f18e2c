"""What torrents share of a disk is bounded by what the process may have."""

from __future__ import annotations

import resource

import pytest

from torrent.io import disk
from torrent.io.disk import MOST_FILES, Disk


@pytest.mark.parametrize(
    ("limit", "files"),
    [(64, 16), (1024, 256), (1 << 20, MOST_FILES), (resource.RLIM_INFINITY, MOST_FILES)],
)
def test_a_quarter_of_the_descriptors(
    limit: int, files: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert disk._files_allowed() == files


async def test_memory_goes_when_nothing_is_in_it() -> None:
    async with Disk(pool=1 << 20) as one:
        buffer = one.buffers.acquire(1 << 16)
        assert buffer is not None
        one.tidy()
        one.buffers.release(buffer)
        assert one.buffers._kept
        one.tidy()
        assert not one.buffers._kept
        assert one.owner() != one.owner()
