"""Generations made of real repositories, and repositories made of generations again."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, cast

import pytest

from tests import git_house as house
from tests.git_house import Publisher, needs_git
from torrent.git.core.bundles import bundle_header
from torrent.git.core.needing import asked, first_needed
from torrent.git.core.planning import FACTOR
from torrent.git.errors import RepositoryError
from torrent.git.taking import take

if TYPE_CHECKING:
    from pathlib import Path

    from torrent.git.core.manifest import Manifest
    from torrent.git.fetching import Fetcher
    from torrent.git.program import Git

pytestmark = needs_git


async def followed(publisher: Publisher, git: Git) -> int:
    """Have a repository follow a publisher; how many generations it needed."""
    manifest = publisher.manifest
    first = first_needed(manifest, await git.missing(asked(manifest)))
    for keep in await take(git, cast("Fetcher", publisher), manifest):
        keep.unlink()
    house.point(git.directory, manifest)
    assert house.whole(git.directory)
    assert house.objects(git.directory) == house.objects(publisher.source)
    return len(manifest.generations) - first


def settled(manifest: Manifest) -> bool:
    """Whether all but the newest push are as large as they should be."""
    counts = [each.objects for each in manifest.generations[:-1]]
    return all(own >= FACTOR * sum(counts[n + 1 :]) for n, own in enumerate(counts))


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
async def test_a_repository_comes_back(tmp_path: Path, object_format: str) -> None:
    source = house.repository(tmp_path / "source", commits=4, object_format=object_format)
    house.run(source, "tag", "-a", "v1", "-m", "one", "HEAD~1")
    house.run(source, "tag", "light")
    house.run(source, "branch", "topic/x", "HEAD~2")
    house.run(source, "update-ref", "refs/stash", "HEAD")
    house.run(source, "update-ref", "refs/remotes/origin/main", "HEAD")
    publisher = Publisher(source, tmp_path / "home")
    manifest = await publisher.publish()
    assert manifest.head == b"refs/heads/main"
    assert manifest.object_format == object_format
    assert sorted(manifest.refs) == [
        b"refs/heads/main",
        b"refs/heads/topic/x",
        b"refs/tags/light",
        b"refs/tags/v1",
    ]
    git = house.bare(tmp_path / "copy", object_format)
    assert await followed(publisher, git) == 1
    assert await followed(publisher, git) == 0
    again = await publisher.publish()
    assert again == manifest


async def test_followers_fetch_what_is_new_and_cloners_few_packs(tmp_path: Path) -> None:
    """Pushes, rewound branches, deleted ones, and what comes back, in an order by chance."""
    rng = Random(3)
    source = house.repository(tmp_path / "source", commits=6)
    publisher = Publisher(source, tmp_path / "home")
    await publisher.publish()
    git = house.bare(tmp_path / "follower")
    await followed(publisher, git)
    for push in range(10):
        match rng.choice(("commit", "commit", "commits", "rewind", "branch", "revert")):
            case "rewind":
                house.run(source, "reset", "-q", "--hard", "HEAD~1")
                house.commit(source, text=f"other {push}\n")
            case "branch":
                house.run(source, "branch", f"b{push}")
                house.commit(source)
            case "revert":
                house.run(source, "revert", "--no-edit", "HEAD")
            case "commits":
                for _ in range(5):
                    house.commit(source)
            case _:
                house.commit(source)
        manifest = await publisher.publish()
        assert settled(manifest)
        assert await publisher.publish() == manifest
        assert await followed(publisher, git) <= 1
    copy = house.bare(tmp_path / "cloner")
    await followed(publisher, copy)
    assert len(list((copy.directory / "objects" / "pack").glob("*.pack"))) == 1


async def test_waste_goes_when_it_is_much(tmp_path: Path) -> None:
    source = house.repository(tmp_path / "source", commits=6)
    publisher = Publisher(source, tmp_path / "home")
    before = await publisher.publish()
    house.run(source, "checkout", "-q", "--orphan", "anew")
    house.run(source, "commit", "-q", "-m", "all of it at once")
    house.run(source, "branch", "-D", "main")
    after = await publisher.publish()
    assert not set(before.generations) & set(after.generations)
    assert after.waste == 0
    assert sum(each.objects for each in after.generations) == len(house.objects(source))
    await followed(publisher, house.bare(tmp_path / "copy"))


async def test_what_is_in_packs_is_read_again_if_forgotten(tmp_path: Path) -> None:
    source = house.repository(tmp_path / "source")
    publisher = Publisher(source, tmp_path / "home")
    for _ in range(2):
        await publisher.publish()
        house.commit(source)
    known = house.files(publisher.store.packs)
    for path in publisher.store.packs.glob("*.oids"):
        path.unlink()
    await publisher.publish()
    assert known.items() <= house.files(publisher.store.packs).items()
    await followed(publisher, house.bare(tmp_path / "copy"))


@pytest.mark.parametrize("what", ["HEAD~1", "HEAD~1^{tree}"])
async def test_a_tag_alone_needs_its_commit(tmp_path: Path, what: str) -> None:
    """A bundle of it would otherwise claim to need nothing, and git could not use it."""
    source = house.repository(tmp_path / "source")
    publisher = Publisher(source, tmp_path / "home")
    await publisher.publish()
    house.run(source, "tag", "-a", "late", "-m", "one", what)
    manifest = await publisher.publish()
    (_, last) = manifest.generations
    bundle = tmp_path / "late.bundle"
    bundle.write_bytes(bundle_header(manifest, last) + publisher.store.pack(last).read_bytes())
    house.run(source, "bundle", "verify", str(bundle))
    if what == "HEAD~1":
        assert last.prerequisites == (bytes.fromhex(house.run(source, "rev-parse", what)),)
        empty = house.bare(tmp_path / "empty").directory
        with pytest.raises(AssertionError, match="lacks these prerequisite"):
            house.run(empty, "bundle", "verify", str(bundle))


async def test_a_head_that_stands_for_no_branch(tmp_path: Path) -> None:
    source = house.repository(tmp_path / "source", commits=3)
    old = house.run(source, "rev-parse", "HEAD~1")
    publisher = Publisher(source, tmp_path / "home")
    first = await publisher.publish()
    house.run(source, "checkout", "-q", old)
    manifest = await publisher.publish()
    assert (manifest.head, manifest.refs[b"HEAD"].hex()) == (b"", old)
    assert manifest.generations == first.generations
    house.commit(source, text="aside\n")  # As in the middle of a rebase: that is nobody's business.
    assert b"HEAD" not in (await publisher.publish()).refs
    house.run(source, "branch", "kept")
    assert len((await publisher.publish()).refs) == 3


async def test_an_empty_repository(tmp_path: Path) -> None:
    source = house.repository(tmp_path / "source", commits=0)
    publisher = Publisher(source, tmp_path / "home")
    manifest = await publisher.publish()
    assert (manifest.refs, manifest.generations) == ({}, ())
    assert await take(house.bare(tmp_path / "c"), cast("Fetcher", publisher), manifest) == ()


async def test_a_name_keeps_its_object_format(tmp_path: Path) -> None:
    source = house.repository(tmp_path / "one")
    publisher = Publisher(source, tmp_path / "home")
    await publisher.publish()
    other = Publisher(house.repository(tmp_path / "two", object_format="sha256"), tmp_path / "home")
    other.manifest = publisher.manifest
    with pytest.raises(RepositoryError, match="choose another name"):
        await other.publish()


async def test_who_has_history_that_is_not_connected_gets_it_whole(tmp_path: Path) -> None:
    """A commit is here, and not what it leads to: that is found out before anything moves."""
    source = house.repository(tmp_path / "source")
    publisher = Publisher(source, tmp_path / "home")
    await publisher.publish()
    tip = house.run(source, "rev-parse", "HEAD")
    house.commit(source)
    await publisher.publish()
    git = house.bare(tmp_path / "copy")
    raw = house.run(source, "cat-file", "commit", tip) + "\n"
    made = house.run(
        git.directory, "hash-object", "-t", "commit", "-w", "--stdin", stdin=raw.encode()
    )
    assert made == tip
    await followed(publisher, git)


async def test_a_shallow_clone_is_not_published(tmp_path: Path) -> None:
    """Everybody who cloned it would be told that something is missing."""
    source = house.repository(tmp_path / "source", commits=3)
    house.run(source, "clone", "-q", "--depth=1", source.as_uri(), str(tmp_path / "cut"))
    with pytest.raises(RepositoryError, match="shallow clone"):
        await Publisher(tmp_path / "cut", tmp_path / "home").publish()
