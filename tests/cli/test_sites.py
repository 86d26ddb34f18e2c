"""``publish`` and ``follow`` from outside, with real processes on both sides."""

from __future__ import annotations

import signal
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.cdn_house import tree, write
from tests.dhtctl import dhtctl_inside, promises
from tests.running import Staying
from tests.torrent_samples import noise
from torrent.cdn.memory import Memory, Volunteer
from torrent.cdn.name import Name
from torrent.core.metainfo import read_magnet

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dhtctl import Dhtctl

SITE = {"index.html": b"<h1>one</h1>\n", "a/big.bin": noise(300_000)}


@pytest.fixture
def away(tmp_path: Path) -> Path:
    """The home of a publisher, with a site in it."""
    return write(tmp_path / "away", {f"blog/{name}": data for name, data in SITE.items()})


@pytest.fixture
def there(away: Path, doors: str) -> Dhtctl:
    return partial(dhtctl_inside(away), DHTCTL_BOOTSTRAP=doors)


def publishing(away: Path, doors: str, *words: str) -> Staying:
    return Staying(away, "publish", "blog", *words, DHTCTL_BOOTSTRAP=doors)


def test_a_site_is_published_followed_and_updated(
    online: Dhtctl, there: Dhtctl, away: Path, doors: str, tmp_path: Path
) -> None:
    with publishing(away, doors) as running:
        name = running.line()
        assert Name.parse(running.told("magnet:?xs=urn:btpk:")) == Name.parse(name)
        running.told("stays and serves it")
        done = online("follow", name, "--once", "--json")
        assert done.code == 0, done.err
        [told] = done.objects
        assert (told["type"], told["seq"], told["path"]) == ("followed", 1, str(tmp_path / "blog"))
        assert tree(tmp_path / "blog") == SITE
    write(away / "blog", {"index.html": b"<h1>two</h1>\n"})
    with publishing(away, doors, "--json") as running:
        told = running.object()
        assert (told["seq"], told["new"], told["name"]) == (2, True, name)
        assert read_magnet(told["magnet"]).publisher == Name.parse(name).address
        running.told("stays and serves it")
        done = online("follow", name, "--once", "--json")
        assert done.code == 0, done.err
        assert tree(tmp_path / "blog") == tree(away / "blog")
        # Of the big file nothing moved.
        assert done.objects[0]["downloaded_bytes"] < 20_000
    # Nothing new: the same version, and nobody is asked.
    with publishing(away, "127.0.0.1:9", "--json") as running:
        again = running.object()
        assert (again["new"], again["seq"], again["infohash"]) == (False, 2, told["infohash"])


def test_the_publisher_is_killed_and_a_mirror_suffices(
    there: Dhtctl, away: Path, doors: str, tmp_path: Path
) -> None:
    """A new follower, who never met the publisher, gets name and files."""
    mirror, late = (tmp_path / word for word in ("mirror", "late"))
    mirror.mkdir()
    late.mkdir()
    with publishing(away, doors) as running:
        name = running.line()
        running.told("stays and serves it")
        with Staying(mirror, "follow", name, DHTCTL_BOOTSTRAP=doors) as following:
            assert following.line() == str(mirror / "blog")
            following.told("stays and follows it")
            assert [p.what.seq for p in promises(mirror) if p.what] == [1]  # type: ignore[union-attr]
            running.stop(signal.SIGKILL)
            done = dhtctl_inside(late)("follow", name, "--once", DHTCTL_BOOTSTRAP=doors)
            assert done.code == 0, done.err
            assert tree(late / "blog") == SITE
            # It comes back, with something new.
            write(away / "blog", {"index.html": b"back\n"})
            with publishing(away, doors) as again:
                assert again.line() == name
                again.told("stays and serves it")
                done = dhtctl_inside(late)("follow", name, "--once", DHTCTL_BOOTSTRAP=doors)
                assert done.code == 0, done.err
                assert (late / "blog" / "index.html").read_bytes() == b"back\n"


def test_a_running_node_takes_over(
    there: Dhtctl, away: Path, doors: str, online: Dhtctl, tmp_path: Path
) -> None:
    with Staying(away, "node", DHTCTL_BOOTSTRAP=doors) as node:
        node.line()
        node.told("joined")
        done = there("publish", "blog", "--replicas", "1", "--json")
        assert done.code == 0, done.err
        name = done.objects[0]["name"]
        assert any(each["type"] == "seeding" for each in done.complaints)
        # Nothing new, and still it is seen to be seeded.
        again = there("publish", "blog", "--replicas", "1", "--json")
        assert [each["begun"] for each in again.complaints if each["type"] == "seeding"] == [True]
        assert online("follow", name, "--once").code == 0
        [site] = [each for each in there("status", "--json").objects if each["type"] == "site"]
        assert (site["name"], site["seq"], site["wanted"]) == (name, 1, 1)


@pytest.mark.slow
def test_killed_at_any_moment_a_whole_version_is_seen(
    online: Dhtctl, there: Dhtctl, away: Path, doors: str, tmp_path: Path
) -> None:
    """The follower is killed at fifteen moments of an update; what is seen is one of the two."""
    home = tmp_path / "m"
    home.mkdir()
    with Staying(away, "node", DHTCTL_BOOTSTRAP=doors) as node:
        node.told("joined")
        name = there("publish", "blog").out.strip()
        assert dhtctl_inside(home)("follow", name, "--once", DHTCTL_BOOTSTRAP=doors).code == 0
        old = tree(home / "blog")
        write(away / "blog", {"index.html": b"two", "new.bin": noise(200_000, 9)})
        assert there("publish", "blog").code == 0
        new = tree(away / "blog")
        for moment in range(15):
            with Staying(home, "follow", name, "--once", DHTCTL_BOOTSTRAP=doors) as follower:
                time.sleep(0.35 + moment * 0.04)
                follower.process.kill()
            assert tree(home / "blog") in (old, new)
        assert dhtctl_inside(home)("follow", name, "--once", DHTCTL_BOOTSTRAP=doors).code == 0
        assert tree(home / "blog") == new


def test_status_counts_and_misses_replicas(there: Dhtctl, away: Path, doors: str) -> None:
    with publishing(away, doors, "--replicas", "2") as running:
        name = Name.parse(running.line())
    wall = time.time()
    with Memory.open(away / "state") as memory:
        memory.challenged(name, Volunteer("127.9.9.1", 9, wall, wall, 0))
        memory.challenged(
            name, Volunteer("127.9.9.2", 9, wall, wall - 600, 1, "it does not answer")
        )
    said = there("status").out
    assert "1 of 2 replicas" in said
    assert "missed  127.9.9.2:9, last seen 10 min ago: it does not answer" in said
    [site] = [each for each in there("status", "--json").objects if each["type"] == "site"]
    assert (site["replicas"], site["wanted"], site["repository"]) == (1, 2, False)
    assert [each["address"] for each in site["missed"]] == ["127.9.9.2:9"]


def test_old_versions_are_pruned(there: Dhtctl, away: Path, doors: str) -> None:
    for number in range(3):
        write(away / "blog", {"number": b"%d" % number})
        with publishing(away, doors, "--keep-versions", "1") as running:
            running.line()
            running.told("stays and serves it")
    [site] = (away / "state" / "sites").iterdir()
    assert len([path for path in site.iterdir() if path.is_dir()]) == 1
    assert len(there("torrents", "--json").objects) == 1


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("publish", "nowhere"), 1, "there is no directory"),
        (("publish", "blog", "--origin", "ftp://x/"), 2, "is no URL"),
        (("publish", "blog", "--name", "nobody"), 1, "nobody"),
        (("publish", "blog", "--salt", "x" * 65), 2, "64 is the most"),
        (("follow", "bafybeih"), 2, "not an address"),
        (("follow", "magnet:?xt=urn:btih:" + "00" * 20), 2, "not a name"),
        (("follow", "magnet:?xs=urn:btpk:" + "11" * 32), 2, "does not say what to call it"),
        (("follow", "magnet:?xs=urn:btpk:" + "11" * 32 + "&s=2e2e"), 2, "what to call it"),
        (("follow", "magnet:?xs=urn:btpk:" + "11" * 32 + "&s=2f65"), 2, "what to call it"),
    ],
)
def test_what_makes_no_sense(away: Path, words: Any, code: int, why: str) -> None:
    done = dhtctl_inside(away)(*words, DHTCTL_BOOTSTRAP="127.0.0.1:9")
    assert (done.code, why in done.err) == (code, True), done.err


def test_several_keys_are_told_apart(there: Dhtctl, away: Path) -> None:
    for key in ("one", "two"):
        assert there("key", "new", key).code == 0
    done = there("publish", "blog")
    assert (done.code, "say which with --name: one, two" in done.err) == (2, True)


def test_what_cannot_be_published(there: Dhtctl, away: Path) -> None:
    (away / "blog" / "leak").symlink_to("/etc/passwd")
    done = there("publish", "blog")
    assert (done.code, "is not part of what you share" in done.err) == (1, True)


def test_nothing_is_not_published(there: Dhtctl, away: Path) -> None:
    """Nor is a key made for it."""
    (away / "empty" / "below").mkdir(parents=True)
    done = there("publish", "empty")
    assert (done.code, "empty has no files, so there is nothing to publish" in done.err) == (
        1,
        True,
    )
    assert "made a key" not in done.err
    (away / "empty" / "file").touch()
    assert "has no files" not in there("publish", "empty", "--name", "nobody").err
