"""What lies in the state directory is believed only as far as it is whole and fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import git_house as house
from tests.git_house import Publisher, needs_git
from tests.git_samples import generation
from torrent.git.releasing import held, release
from torrent.git.store import MANIFEST
from torrent.io.disk import Disk

if TYPE_CHECKING:
    from pathlib import Path

    from torrent.git.core.manifest import Manifest

pytestmark = needs_git


@pytest.fixture
async def publisher(tmp_path: Path) -> Publisher:
    publisher = Publisher(house.repository(tmp_path / "source"), tmp_path / "home")
    await publisher.publish()
    return publisher


async def released(publisher: Publisher, seq: int) -> bytes:
    """Have a manifest in the store as that version; its infohash."""
    async with Disk() as disk:
        made = await release(disk, publisher.store, publisher.manifest)
    publisher.store.versions.add(seq, made.infohash)
    return made.infohash


async def test_what_is_here_is_known(publisher: Publisher) -> None:
    store, manifest = publisher.store, publisher.manifest
    [one] = manifest.generations
    assert store.holds([one])
    assert store.oids(one, 20) == set(map(bytes.fromhex, house.objects(publisher.source)))
    infohash = await released(publisher, 1)
    assert store.manifest(infohash) == manifest
    async with Disk() as disk:
        [seeded] = await held(disk, store, manifest)
    assert (seeded.infohash, seeded.directory) == (one.infohash, store.packs)


async def test_what_is_damaged_is_not_here(publisher: Publisher) -> None:
    store, [one] = publisher.store, publisher.manifest.generations
    infohash = await released(publisher, 1)
    path = store.pack(one)
    oids, torrent = path.with_suffix(".oids"), path.with_suffix(".torrent")
    oids.write_bytes(oids.read_bytes()[:-1])
    assert store.oids(one, 20) is None
    oids.unlink()
    assert store.oids(one, 20) is None
    good = torrent.read_bytes()
    torrent.write_bytes(good[:-3])
    assert not store.holds([one])
    torrent.write_bytes(good)
    assert store.holds([one])
    path.write_bytes(path.read_bytes() + b"x")
    assert not store.holds([one])
    assert not store.holds([generation()])
    (store.versions.place(infohash) / MANIFEST).write_bytes(b"de")
    assert store.manifest(infohash) is None
    assert store.manifest(b"x" * 20) is None


async def test_pruning_leaves_what_the_newest_versions_have(publisher: Publisher) -> None:
    """The oracle: the packs on disk are those of the manifests that stay."""
    store = publisher.store
    made: list[tuple[bytes, Manifest]] = []
    for seq in range(1, 6):
        made.append((await released(publisher, seq), publisher.manifest))
        gone = store.prune(2)
        left = made[-2:]
        stay = {each.file for _, manifest in left for each in manifest.generations}
        assert {path.name for path in store.packs.glob("*.pack")} == stay
        assert {each.infohash for each in store.versions.versions()} == {name for name, _ in left}
        assert not {name for name, _ in left} & set(gone)
        assert all(store.holds(manifest.generations) for _, manifest in left)
        (store.packs / ".new-of-somebody-killed.pack").write_bytes(b"x")
        house.commit(publisher.source, text=f"{seq}\n" * 50 * seq)
        await publisher.publish()
