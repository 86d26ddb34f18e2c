"""Names of refs against the words of git-check-ref-format(1), and against git itself."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torrent.git.core import refs
from torrent.git.errors import ManifestError

GOOD = [
    b"refs/heads/main",
    b"refs/tags/v1.0",
    b"refs/pull/12/head",
    "refs/heads/ü".encode(),
    b"refs/x@y",
]
BAD = [
    b"",
    b"FETCH_HEAD",
    b"heads/main",
    b"refs/",
    b"refs/heads/",
    b"refs/heads/.hidden",
    b"refs/heads/a..b",
    b"refs/../x",
    b"refs/heads/a b",
    b"refs/heads/a\nb",
    b"refs/heads/a\x7f",
    b"refs/heads/a~1",
    b"refs/heads/a^",
    b"refs/heads/a:b",
    b"refs/heads/a?",
    b"refs/heads/*",
    b"refs/heads/[a",
    b"refs/heads/a\\b",
    b"refs/heads//a",
    b"refs/heads/a.",
    b"refs/heads/a.lock",
    b"refs/heads/a.lock/b",
    b"refs/heads/a@{1}",
    b"refs/heads/" + b"x" * 251,
    b"refs/" + b"/".join([b"x" * 100] * 11),
]
PARTS = st.sampled_from(
    [b"a", b".", b"..", b"/", b"@", b"{", b"lock", b".lock", b" ", b"~", b"\\", b"*", b"-", b"\x80"]
)


@pytest.mark.parametrize("name", GOOD)
def test_good_names(name: bytes) -> None:
    assert refs.fault(name) == ""


@pytest.mark.parametrize("name", BAD)
def test_bad_names(name: bytes) -> None:
    assert refs.fault(name)
    with pytest.raises(ManifestError):
        refs.check([name], "refs")


def test_a_head_is_a_commit_and_nothing_to_push_to() -> None:
    refs.check([refs.HEAD, b"refs/heads/main"], "refs")
    assert refs.fault(refs.HEAD)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is the oracle")
@settings(max_examples=60, deadline=None)
@given(st.lists(PARTS, max_size=7).map(b"".join))
def test_git_says_the_same(rest: bytes) -> None:
    name = b"refs/" + rest
    said = subprocess.run([b"git", b"check-ref-format", name], check=False).returncode == 0
    assert (refs.fault(name) == "") == said


def test_a_name_is_no_directory_of_another() -> None:
    refs.check([b"refs/heads/a", b"refs/heads/ab", b"refs/heads/b/c"], "refs")
    with pytest.raises(ManifestError, match="refs/heads/a is in its way"):
        refs.check([b"refs/heads/a", b"refs/heads/a/b/c"], "refs")


def test_there_are_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refs, "MAX_REFS", 2)
    with pytest.raises(ManifestError, match="3 refs; 2 are allowed"):
        refs.check([b"refs/heads/%d" % n for n in range(3)], "refs")


def test_what_is_shown_steers_no_terminal() -> None:
    assert refs.shown(b"refs/heads/a\x1b[2J") == r"refs/heads/a\x1b[2J"
    assert refs.shown("refs/ü".encode()) == "refs/ü"
