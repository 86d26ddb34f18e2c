"""Manifests to test with: real in all that can be checked without packs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from torrent.git.core.manifest import Generation, Manifest

if TYPE_CHECKING:
    from collections.abc import Iterable


def oid(number: int, size: int = 20) -> bytes:
    return (number + 1).to_bytes(size, "big")


def generation(
    number: int = 0, needs: Iterable[int] = (), tips: Iterable[int] = (), size: int = 20
) -> Generation:
    return Generation(
        bytes([number + 1]) * 32,
        10_000,
        10,
        tuple(oid(each, size) for each in needs),
        tuple(oid(each, size) for each in tips),
    )


SMALL = Manifest(
    refs={b"refs/heads/main": oid(2), b"refs/tags/v1": oid(1)},
    head=b"refs/heads/main",
    generations=(generation(0, tips=[1]), generation(1, needs=[1], tips=[2])),
    previous=b"p" * 20,
    origin="https://example.org/tool.git",
    waste=3,
)
LONG = Manifest("sha256", {b"refs/heads/main": oid(1, 32)}, generations=(generation(size=32),))
EMPTY = Manifest()

_OIDS = {"sha1": 20, "sha256": 32}


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    kind = draw(st.sampled_from(sorted(_OIDS)))
    size = _OIDS[kind]
    oids = st.binary(min_size=size, max_size=size).filter(any)
    words = st.text("abcdef", min_size=1, max_size=8).map(str.encode)
    refs = draw(st.dictionaries(words.map(b"refs/heads/".__add__), oids, max_size=5))
    edges = st.lists(oids, max_size=3).map(tuple)
    one = st.builds(
        Generation,
        st.binary(min_size=32, max_size=32),
        st.integers(1000, 1 << 35),
        st.integers(1, 100),
        edges,
        edges,
    )
    generations = draw(
        st.lists(one, min_size=bool(refs), max_size=4, unique_by=lambda each: each.root)
    )
    return Manifest(
        kind,
        refs,
        draw(st.sampled_from([b"", b"refs/heads/main"])),
        tuple(generations),
        draw(st.sampled_from([b"", b"i" * 20])),
        draw(st.sampled_from(["", "https://example.org/x.git"])),
        draw(st.integers(0, 1 << 40)),
    )
