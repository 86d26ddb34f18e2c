"""Stock git and ``dht://``, with real processes on both sides and a network on loopback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from cli.torrents.replicating import challenged
from tests import git_house as house
from tests.dhtctl import dhtctl_in
from tests.git_house import needs_git, needs_http
from tests.git_people import Somebody
from tests.git_server import serving
from torrent.cdn.memory import Memory, Volunteer
from torrent.cdn.name import Name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = needs_git


@pytest.fixture
def owner(tmp_path: Path, doors: str) -> Iterator[Somebody]:
    """Who has a key, a running node, and a repository called ``tool``."""
    owner = Somebody(tmp_path / "owner", doors)
    with owner.staying("node") as node:
        node.told("joined")
        assert owner.dhtctl("key", "new", "me").code == 0
        house.repository(owner.home / "tool")
        yield owner


@pytest.fixture
def somebody(tmp_path: Path, doors: str) -> Callable[[str], Somebody]:
    return lambda name: Somebody(tmp_path / name, doors)


def test_clone_fetch_and_pull(owner: Somebody, somebody: Callable[[str], Somebody]) -> None:
    tool, reader = owner.home / "tool", somebody("reader")
    house.run(tool, "tag", "-a", "v1", "-m", "one", "HEAD~1")
    house.run(tool, "branch", "topic", "HEAD~2")
    url = owner.publish("tool")
    reader.git("clone", url, "copy")
    copy = reader.home / "copy"
    assert house.run(copy, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert house.run(copy, "for-each-ref", "--format=%(refname) %(objectname)", "refs/tags") == (
        house.run(tool, "for-each-ref", "--format=%(refname) %(objectname)", "refs/tags")
    )
    assert house.objects(copy) == house.objects(tool)
    assert house.whole(copy)
    # What came is no secret of ours: nothing of it is left elsewhere.
    assert not (copy / ".git" / "dht").exists()
    assert not list((copy / ".git" / "objects" / "pack").glob("*.keep"))
    tip = house.commit(tool)
    house.run(tool, "tag", "v2")
    house.run(tool, "branch", "-D", "topic")
    assert owner.publish("tool") == url
    reader.git("pull", "-q", "--prune", "--tags", where=copy)
    assert house.run(copy, "rev-parse", "HEAD", "v2").split() == [tip, tip]
    assert "refs/remotes/origin/topic" not in house.refs(copy)
    assert "Everything" not in reader.git("fetch", where=copy)
    house.commit(tool)
    house.run(tool, "tag", "-a", "old", "-m", "late", "HEAD~1")
    owner.publish("tool")
    reader.git("pull", "-q", where=copy)  # git comes back for a tag of what it just fetched
    assert house.refs(copy)["refs/tags/old"] == house.refs(tool)["refs/tags/old"]
    done = owner.dhtctl("git", "publish", "tool", "--json", DHTCTL_BOOTSTRAP=owner.doors)
    assert done.objects[0]["new"] is False
    code, said = reader.attempt("clone", "--depth=1", url, "shallow")
    assert (code, "--depth is not possible" in said) == (128, True)


def test_push(owner: Somebody, somebody: Callable[[str], Somebody]) -> None:
    """A key's holder pushes: new, on, aside, by force, away, and to where others were faster."""
    tool = owner.home / "tool"
    url = "dht://me/tool"
    said = owner.git("push", url, "main", "HEAD~1:refs/tags/v1", where=tool)
    assert said.count("[new ") == 2
    owner.git("clone", "-q", url, "other")
    other = owner.home / "other"
    house.commit(tool)
    assert "main -> main" in owner.git("push", url, "main", "+HEAD:refs/heads/x", where=tool)
    assert "Everything up-to-date" in owner.git("push", url, "main", where=tool)
    # Behind: what the name leads to is not even here.
    house.commit(other, text="aside\n")
    code, said = owner.attempt("push", "origin", "main", where=other)
    assert (code, "(fetch first)" in said) == (1, True), said
    owner.git("fetch", "-q", where=other)
    code, said = owner.attempt("push", "origin", "main", where=other)
    assert (code, "(non-fast-forward)" in said) == (1, True), said
    assert "(forced update)" in owner.git("push", "--force", "origin", "main", where=other)
    assert "[deleted]" in owner.git("push", url, ":x", ":v1", where=tool)
    listed = owner.git("ls-remote", url)
    tip = house.run(other, "rev-parse", "HEAD")
    assert listed.split("\n")[:-1] == [f"{tip}\tHEAD", f"{tip}\trefs/heads/main"]
    stranger = somebody("stranger")
    name = owner.dhtctl("key", "show", "me", "--json").objects[0]["name"]
    code, said = stranger.attempt("push", f"dht://{name}/tool", "main", where=tool)
    assert (code, "none of your keys signs" in said) == (1, True) or code == 128, said


def test_who_publishes_too_is_not_overwritten_unseen(
    owner: Somebody, somebody: Callable[[str], Somebody]
) -> None:
    """Two machines with one key: what the other published is had before it is replaced."""
    url = owner.publish("tool")
    laptop = somebody("laptop")
    shutil.copytree(owner.home / "state" / "keys", laptop.home / "state" / "keys")
    house.run(laptop.home, "clone", "-q", str(owner.home / "tool"), "tool")
    house.commit(laptop.home / "tool", text="elsewhere\n")
    with laptop.staying("git", "publish", "tool") as publishing:
        assert publishing.line() == url
        publishing.told("stays and serves it")
        house.commit(owner.home / "tool")
        done = owner.dhtctl("git", "publish", "tool", "--json", DHTCTL_BOOTSTRAP=owner.doors)
    assert "somebody else published meanwhile" in done.err
    assert (done.code, done.objects[0]["seq"], done.objects[0]["new"]) == (0, 3, True), done.err


def test_a_lost_race_is_an_ordinary_one(owner: Somebody) -> None:
    """Between git's question and its push, somebody else pushes: from a hook, so that it is so."""
    tool, url = owner.home / "tool", "dht://me/tool"
    owner.git("push", url, "main", where=tool)
    owner.git("clone", "-q", url, "other")
    other = owner.home / "other"
    house.commit(other, text="faster\n")
    house.commit(tool, text="slower\n")
    hook = tool / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    unset = "unset $(git rev-parse --local-env-vars)"
    hook.write_text(f"#!/bin/sh\n{unset}\nexec git -C '{other}' push -q origin main\n")
    hook.chmod(0o755)
    code, said = owner.attempt("push", url, "main", where=tool)
    assert (code, "(fetch first)" in said) == (1, True), said
    hook.unlink()
    assert house.run(other, "rev-parse", "HEAD") in owner.git("ls-remote", url)
    owner.git("pull", "-q", "--rebase=false", "--no-edit", "-Xours", url, "main", where=tool)
    owner.git("push", "-q", url, "main", where=tool)


def test_a_sha256_repository_and_an_empty_one(
    owner: Somebody, somebody: Callable[[str], Somebody]
) -> None:
    reader = somebody("reader")
    long = house.repository(owner.home / "long", object_format="sha256")
    house.run(long, "checkout", "-q", "HEAD~1")
    reader.git("clone", owner.publish("long"), "long")
    copy = reader.home / "long"
    assert house.run(copy, "rev-parse", "HEAD") == house.run(long, "rev-parse", "HEAD")
    assert len(house.run(copy, "rev-parse", "origin/main")) == 64
    assert house.run(copy, "status", "--porcelain") == ""
    house.repository(owner.home / "empty", commits=0)
    said = reader.git("clone", owner.publish("empty"), "empty")
    assert "empty repository" in said


def test_the_publisher_is_killed_and_a_mirror_suffices(
    somebody: Callable[[str], Somebody],
) -> None:
    owner, keeper, late = (somebody(name) for name in ("owner", "keeper", "late"))
    tool = house.repository(owner.home / "tool")
    with owner.staying("git", "publish", "tool") as publishing:
        url = publishing.line()
        publishing.told("stays and serves it")
        with keeper.staying("git", "mirror", url) as mirror:
            assert mirror.line() == url
            mirror.told("stays and serves it")
            publishing.stop(signal.SIGKILL)
            late.git("clone", "-q", url, "copy")
            assert house.objects(late.home / "copy") == house.objects(tool)
            # It comes back, with something new.
            tip = house.commit(tool)
            with owner.staying("git", "publish", "tool") as again:
                assert again.line() == url
                again.told("stays and serves it")
                late.git("pull", "-q", where=late.home / "copy")
                assert house.run(late.home / "copy", "rev-parse", "HEAD") == tip
    [site] = [each for each in owner.dhtctl("status", "--json").objects if each["type"] == "site"]
    assert (site["seq"], site["wanted"], site["repository"]) == (2, 1, True)
    assert owner.dhtctl("status").out.count(f"\nrepo      {site['name']}  version 2") == 1


@needs_http
def test_the_origin_when_nobody_else_has_it(
    owner: Somebody, somebody: Callable[[str], Somebody]
) -> None:
    """Packs are lost everywhere, the manifest is not; the server of old days still answers."""
    with serving(owner.home) as server:
        done = owner.dhtctl(
            "git",
            "publish",
            "tool",
            "--origin",
            f"{server}/tool/.git",
            DHTCTL_BOOTSTRAP=owner.doors,
        )
        assert done.code == 0, done.err
        _, *packs = owner.dhtctl("torrents", "--json").objects
        for pack in packs:
            assert owner.dhtctl("forget", pack["infohash"]).code == 0
        for path in (owner.home / "state" / "git").rglob("*.pack"):
            path.unlink()
        reader = somebody("reader")
        said = reader.git("clone", done.out.strip(), "copy", patience="2")
        assert "asking its origin" in said
        assert house.whole(reader.home / "copy")


def test_status_counts_mirrors(owner: Somebody) -> None:
    """Who is listed for the largest pack is challenged for a piece of it; who passes counts."""
    name = Name.parse(owner.publish("tool"))
    wall = time.time()
    with Memory.open(owner.home / "state") as memory:
        asked = challenged(owner.home / "state", name, memory)
        assert asked is not None
        assert asked.files[0].path.parts[-1].endswith(".pack")
        memory.challenged(name, Volunteer("127.9.9.1", 9, wall, wall, 0))
    assert "version 1, 1 of 1 replicas" in owner.dhtctl("status").out


def test_a_mirror_hands_over_to_its_node(
    owner: Somebody, somebody: Callable[[str], Somebody]
) -> None:
    keeper = somebody("keeper")
    url = owner.publish("tool")
    with keeper.staying("node") as node:
        node.told("joined")
        done = keeper.dhtctl("git", "mirror", url, "--once", DHTCTL_BOOTSTRAP=keeper.doors)
        assert (done.code, done.out.strip()) == (0, url), done.err
        assert "seeds it now" in done.err


def test_a_hook_publishes_every_push(owner: Somebody, somebody: Callable[[str], Somebody]) -> None:
    bare = owner.home / "bare.git"
    house.run(owner.home, "clone", "-q", "--bare", "tool", "bare.git")
    program = f'"{sys.executable}" -m cli'
    hook = bare / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nexec {program} git publish . --salt bare\n")
    hook.chmod(0o755)
    house.commit(owner.home / "tool")
    said = owner.git("push", str(bare), "main", where=owner.home / "tool")
    [url] = [word for word in said.split() if word.startswith("dht://")]
    tip = house.run(owner.home / "tool", "rev-parse", "HEAD")
    assert tip in somebody("reader").git("ls-remote", url)


@pytest.mark.parametrize("times", [2, pytest.param(30, marks=pytest.mark.interop)])
def test_killed_while_it_fetches(
    owner: Somebody, somebody: Callable[[str], Somebody], times: int
) -> None:
    """Whenever it happens: the repository is whole, its refs are old or new, and it goes on."""
    tool, reader = owner.home / "tool", somebody("reader")
    url = owner.publish("tool")
    reader.git("clone", "-q", url, "copy")
    copy = reader.home / "copy"
    old = house.refs(copy)
    house.commit(tool)
    owner.publish("tool")
    new = house.run(tool, "rev-parse", "HEAD")
    moved = ("refs/remotes/origin/main", "refs/remotes/origin/HEAD")
    for moment in range(times):
        with reader.start("fetch", "-q", where=copy) as process:
            try:
                process.wait(0.3 + 0.5 * moment / times)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        assert house.whole(copy)
        assert house.refs(copy) in (old, old | dict.fromkeys(moved, new))
    reader.git("fetch", "-q", where=copy)
    assert house.refs(copy)["refs/remotes/origin/main"] == new


@pytest.mark.parametrize("times", [2, pytest.param(30, marks=pytest.mark.interop)])
def test_killed_while_it_pushes(owner: Somebody, times: int) -> None:
    """What was published is one of the two states, and can be cloned; the next push goes on."""
    tool, url = owner.home / "tool", "dht://me/tool"
    owner.git("push", "-q", url, "main", where=tool)
    tips = [house.run(tool, "rev-parse", "HEAD")]
    before = house.refs(tool)
    for moment in range(times):
        tips.append(house.commit(tool))
        with owner.start("push", "-q", url, "main", where=tool) as process:
            try:
                process.wait(0.3 + 0.6 * moment / times)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        assert owner.git("ls-remote", url, "main").split()[0] in tips
        assert house.refs(tool) == before | {"refs/heads/main": tips[-1]}
    owner.git("push", "-q", url, "main", where=tool)
    owner.git("clone", "-q", url, "copy")
    assert house.run(owner.home / "copy", "rev-parse", "HEAD") == tips[-1]
    assert house.whole(owner.home / "copy")


def test_what_makes_no_sense(somebody: Callable[[str], Somebody]) -> None:
    nobody = somebody("nobody")
    house.repository(nobody.home / "tool", commits=1)
    for words, code, why in (
        (("git", "publish", "nowhere"), 1, "cannot be run in"),
        (("git", "publish", "."), 1, "no git repository"),
        (("git", "publish", "tool", "--origin", "ssh://x/"), 2, "is no URL"),
        (("git", "mirror", "dht://what"), 2, "not an address"),
    ):
        done = nobody.dhtctl(*words, DHTCTL_BOOTSTRAP="127.0.0.1:9")
        assert (done.code, why in done.err) == (code, True), done.err
    code, said = nobody.attempt("clone", "dht://what/x", "x")
    assert (code, "not an address" in said) == (128, True), said
    done = dhtctl_in(nobody.home)  # Without git, the helper says what it is for.
    assert done("--version").code == 0
    alone = subprocess.run(
        [sys.executable, "-m", "cli.git", "dht://x"],
        env=nobody.environment(),
        cwd=nobody.home,
        capture_output=True,
        check=False,
        text=True,
    )
    assert (alone.returncode, "git clone dht://NAME" in alone.stderr) == (128, True)


def test_a_name_that_leads_to_no_repository(
    owner: Somebody, somebody: Callable[[str], Somebody]
) -> None:
    (owner.home / "site").mkdir()
    (owner.home / "site" / "index.html").write_text("hello")
    (owner.home / "site" / "other.html").write_text("hello")
    done = owner.dhtctl("publish", "site", DHTCTL_BOOTSTRAP=owner.doors)
    assert done.code == 0, done.err
    code, said = somebody("reader").attempt("clone", f"dht://{done.out.strip()}", "x")
    assert (code, "no repository" in said) == (128, True), said


@needs_http
def test_stock_git_takes_bundles_from_a_gateway(
    owner: Somebody, somebody: Callable[[str], Somebody]
) -> None:
    """Nothing but git itself at the reader's; its origin is only asked for what is newest."""
    tool, reader = owner.home / "tool", somebody("reader")
    url = owner.publish("tool")
    house.commit(tool)
    owner.publish("tool")
    name = url.removeprefix("dht://")
    with reader.staying("serve", name, "--listen", "127.0.0.1:0") as serving:
        base = f"{serving.line()}git/{name}"
        house.commit(tool)
        origin = f"file://{tool}"
        reader.git("clone", f"--bundle-uri={base}/bundles", origin, "copy")
        copy = reader.home / "copy"
        brought = [ref for ref in house.refs(copy) if ref.startswith("refs/bundles/")]
        assert len(brought) == 2
        assert house.run(copy, "rev-parse", "HEAD") == house.run(tool, "rev-parse", "HEAD")
        assert house.whole(copy)
        for path, status in ((f"{base}/none.bundle", 404), (f"{base}x/bundles", 403)):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(path)
            assert refused.value.code == status
            refused.value.close()
