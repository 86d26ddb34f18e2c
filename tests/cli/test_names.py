"""``put --name`` and reading names, from outside: versions, salts, keys, and mistyped ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dht.core.messages import Record
from tests.dhtctl import promises

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dhtctl import Dhtctl


@pytest.fixture
def blog(online: Dhtctl) -> str:
    return online("key", "new", "blog").out.strip()


def test_a_name_has_versions(online: Dhtctl, blog: str) -> None:
    first = online("put", "--value", "one", "--name", "blog")
    assert first.out.strip() == blog
    assert "version 1" in first.err
    [second] = online("put", "--value", "two", "--name", "blog", "--json").objects
    assert second["seq"] == 2
    assert online("get", blog).raw == b"two"
    assert online("get", "blog").raw == b"two"
    [got] = online("get", blog, "--json", "--min-seq", "1").objects
    assert got["seq"] == 2
    none = online("get", blog, "--min-seq", "2")
    assert none.code == 3
    assert "above 2" in none.err


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("bolg", "did you mean your key `blog`?"),
        ("BLOG", "did you mean your key `blog`?"),
        ("blgo/salt", "did you mean your key `blog`?"),
        ("quite-another", "your keys are called blog; or give an address"),
        ("/ipfs/bolg", "give a CID"),
    ],
)
def test_a_name_of_a_key_that_is_mistyped(
    inside: Dhtctl, online: Dhtctl, blog: str, typed: str, hint: str
) -> None:
    done = inside("get", typed)
    assert (done.code, done.out) == (2, "")
    assert hint in done.err


def test_a_key_to_sign_with_that_is_mistyped(inside: Dhtctl) -> None:
    assert "`dhtctl key new bolg`" in inside("put", "--value", "x", "--name", "bolg").err
    for name in ("blog", *"abcdefg"):
        inside("key", "new", name)
    done = inside("put", "--value", "x", "--name", "bolg")
    assert (done.code, done.out) == (1, "")
    assert "did you mean your key `blog`?" in done.err
    stranger = inside("put", "--value", "x", "--name", "quite-another").err
    assert "(8 in all); or make it with `dhtctl key new quite-another`" in stranger
    assert "called a, b, blog, c, d, ... (8 in all)" in inside("get", "quite-another").err


def test_a_salt_tells_records_apart(online: Dhtctl, blog: str) -> None:
    assert online("put", "--value", "a", "--name", "blog", "--salt", "x y").out == f"{blog}/x%20y\n"
    assert online("put", "--value", "b", "--name", "blog", "--salt", "z").code == 0
    assert online("get", f"{blog}/x%20y").raw == b"a"
    assert online("get", blog, "--salt", "z").raw == b"b"
    assert online("get", blog).code == 3


def test_an_update_that_is_refused_changes_nothing(
    online: Dhtctl, blog: str, tmp_path: Path
) -> None:
    assert online("put", "--value", "one", "--name", "blog", "--seq", "5").code == 0
    wrong = online("put", "--value", "two", "--name", "blog", "--cas", "3", "--json")
    assert (wrong.code, wrong.out) == (1, "")
    [error] = wrong.complaints
    assert (error["bep_code"], error["refused"]) == (301, 8)
    old = online("put", "--value", "two", "--name", "blog", "--seq", "4")
    assert old.code == 1
    assert "higher" in old.err
    [promise] = promises(tmp_path)
    assert isinstance(promise.what, Record)
    assert promise.what.value == b"3:one"
    right = online("put", "--value", "two", "--name", "blog", "--cas", "5")
    assert right.code == 0
    assert online("get", blog).raw == b"two"
    [promise] = promises(tmp_path)
    assert isinstance(promise.what, Record)
    assert promise.what.value == b"3:two"


def test_a_version_that_the_network_knows_better(online: Dhtctl, blog: str, tmp_path: Path) -> None:
    """Another machine published 9; here 5 is promised, and 7 comes too late."""
    assert online("put", "--value", "ours", "--name", "blog", "--seq", "5").code == 0
    pem = online("key", "export", "blog").out.encode()
    other = str(tmp_path / "other")
    assert online("--state", other, "key", "import", "blog", "-", stdin=pem).code == 0
    theirs = online("--state", other, "put", "--value", "theirs", "--name", "blog", "--seq", "9")
    assert theirs.code == 0
    late = online("put", "--value", "late", "--name", "blog", "--seq", "7")
    assert (late.code, late.out) == (1, "")
    assert "302" in late.err
    [promise] = promises(tmp_path)
    assert isinstance(promise.what, Record)
    assert promise.what.value == b"4:ours"
    assert "version 10" in online("put", "--value", "next", "--name", "blog").err


def test_a_key_behind_a_passphrase(online: Dhtctl, tmp_path: Path) -> None:
    (tmp_path / "pass").write_text("sesame\n")
    made = online("key", "new", "vault", "--new-passphrase-file", "pass")
    assert made.code == 0
    closed = online("put", "--value", "x", "--name", "vault")
    assert closed.code == 1
    assert "--passphrase-file" in closed.err
    opened = online("put", "--value", "x", "--name", "vault", "--passphrase-file", "pass")
    assert opened.out == made.out
    assert online("put", "--value", "y", "--name", "nobody").code == 1
