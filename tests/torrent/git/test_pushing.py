"""What a push does to refs, in a real repository: a line of two commits, and one aside."""

from __future__ import annotations

import pytest

from tests import git_house as house
from tests.git_house import needs_git
from torrent.git.core.helper import Refspec
from torrent.git.program import Git
from torrent.git.pushing import moved

pytestmark = needs_git
MAIN, TAG, NOTE = b"refs/heads/main", b"refs/tags/v1", b"refs/notes/x"
AWAY = b"\x07" * 20
"""A commit that is not here."""


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Git:
    source = house.repository(tmp_path_factory.mktemp("line") / "source", commits=2)
    house.run(source, "branch", "new")
    house.run(source, "branch", "old", "HEAD~1")
    house.run(source, "checkout", "-q", "-b", "aside", "old")
    house.commit(source, text="aside\n")
    return Git(source / ".git")


@pytest.mark.parametrize(
    ("before", "source", "target", "why"),
    [
        ("", b"new", MAIN, ""),
        ("old", b"new", MAIN, ""),
        ("new", b"new", MAIN, "up to date"),
        ("new", b"old", MAIN, "non-fast forward"),
        ("new", b"aside", MAIN, "non-fast forward"),
        ("new", b"nothing", MAIN, "no match"),
        ("new", b"--all", MAIN, "no match"),
        ("away", b"new", MAIN, "fetch first"),
        ("old", b"new", TAG, "already exists"),
        ("", b"new", TAG, ""),
        ("new", b"old", NOTE, ""),
        ("", b"new", b"refs/heads/../x", "forbids"),
        ("", b"new", b"HEAD", "is not below refs/"),
        ("new", b"", MAIN, ""),
        ("", b"", MAIN, "no match"),
    ],
)
@pytest.mark.parametrize("force", [False, True])
async def test_each_moves_or_says_why_not(
    git: Git, before: str, source: bytes, target: bytes, why: str, *, force: bool
) -> None:
    oids = {ref[11:].decode(): oid for ref, oid in (await git.refs()).items()} | {"away": AWAY}
    refs = {target: oids[before]} if before else {}
    done = await moved(git, refs, [Refspec(source, target, force)])
    can_be_forced = why in ("non-fast forward", "fetch first", "already exists")
    expected = "" if force and can_be_forced else why
    assert (expected or "ok") in (done.said[target] or "ok")
    assert done.changes is not bool(expected)
    if expected:
        assert done.refs == refs
    elif source:
        assert done.refs == {target: oids[source.decode()]}
    else:
        assert done.refs == {}


async def test_one_that_cannot_move_keeps_no_other(git: Git) -> None:
    oids = await git.refs()
    new, old = oids[b"refs/heads/new"], oids[b"refs/heads/old"]
    specs = [Refspec(b"old", MAIN), Refspec(b"new", b"refs/heads/other"), Refspec(b"old", TAG)]
    done = await moved(git, {MAIN: new}, specs)
    assert done.said == {MAIN: "non-fast forward", b"refs/heads/other": "", TAG: ""}
    assert done.refs == {MAIN: new, b"refs/heads/other": new, TAG: old}
    assert done.changes
