"""The conversation with git, line by line."""

from __future__ import annotations

import pytest

from tests.git_samples import oid
from torrent.git.core.helper import (
    Capabilities,
    Command,
    Conversation,
    End,
    Fetch,
    HelperError,
    List,
    Option,
    Push,
    Refspec,
    capabilities,
    listing,
)


def heard(text: bytes) -> list[Command | None]:
    conversation = Conversation()
    return [conversation.receive(line) for line in text.split(b"\n")]


def test_single_lines() -> None:
    said = b"capabilities\noption verbosity 1\noption x\nlist\nlist for-push\n"
    assert heard(said) == [
        Capabilities(),
        Option("verbosity", "1"),
        Option("x", ""),
        List(),
        List(for_push=True),
        End(),
    ]


def test_batches() -> None:
    assert heard(b"fetch aa refs/heads/a\nfetch bb refs/tags/b\n\n") == [
        None,
        None,
        Fetch(("aa", "bb")),
        End(),
    ]
    assert heard(b"push a:refs/heads/a\npush +b:refs/heads/b\npush :refs/heads/c\n\n") == [
        None,
        None,
        None,
        Push(
            (
                Refspec(b"a", b"refs/heads/a"),
                Refspec(b"b", b"refs/heads/b", force=True),
                Refspec(b"", b"refs/heads/c"),
            )
        ),
        End(),
    ]


@pytest.mark.parametrize(
    "said",
    [
        b"connect git-upload-pack",
        b"list everything",
        b"option",
        b"fetch",
        b"push nothing",
        b"fetch a b\nlist",
        b"push a:b\nfetch a b",
        b"\xff\xfe",
    ],
)
def test_nonsense(said: bytes) -> None:
    with pytest.raises(HelperError):
        heard(said)


def test_answers() -> None:
    assert capabilities().endswith(b"object-format\n\n")
    refs = {b"refs/heads/b": oid(2), b"refs/heads/a": oid(1)}
    assert listing("sha1", refs, b"refs/heads/b", with_format=True).splitlines() == [
        b":object-format sha1",
        b"@refs/heads/b HEAD",
        oid(1).hex().encode() + b" refs/heads/a",
        oid(2).hex().encode() + b" refs/heads/b",
        b"",
    ]
    assert listing("sha1", {}, b"refs/heads/b", with_format=False) == b"\n"
