"""The manifest: what is written is read again, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from dht.codec.bencode import decode as plain
from dht.codec.bencode import encode
from tests.git_samples import EMPTY, LONG, SMALL, generation, manifests, oid
from torrent.core.metainfo import Version, read_metainfo
from torrent.git.core import manifest as module
from torrent.git.core.manifest import Generation, Manifest, decode, split
from torrent.git.errors import ManifestError


@given(manifests())
def test_what_is_written_is_read(one: Manifest) -> None:
    assert decode(one.encode()) == one
    assert decode(one.encode()).encode() == one.encode()


def test_samples() -> None:
    for one in (SMALL, LONG, EMPTY):
        assert decode(one.encode()) == one
    assert (SMALL.oid_size, LONG.oid_size) == (20, 32)
    assert SMALL.tips == {oid(1), oid(2)}
    assert SMALL.size == 20_000
    assert split(b"aabb", 2) == (b"aa", b"bb")


def test_a_generation_is_a_torrent_of_its_own() -> None:
    """Nothing but root and length goes into its identity."""
    one, other = generation(1, needs=[5], tips=[6]), generation(1)
    assert one.infohash == other.infohash != generation(2).infohash
    info = one.info
    assert (info.version, info.size) == (Version.V2, 10_000)
    assert [str(file.path) for file in info.files] == [f"{'02' * 32}.pack"]
    assert read_metainfo(b"d4:info" + info.raw + b"e").info.infohash_v2 == info.infohash_v2


def damaged(**changes: Any) -> bytes:
    fields = plain(SMALL.encode())
    assert isinstance(fields, dict)
    for key, value in changes.items():
        fields[key.replace("_", " ").encode()] = value
    return encode(fields)


ENTRY: dict[bytes, Any] = {b"root": b"r" * 32, b"length": 1000, b"objects": 1}


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", "bencode"),
        (b"le", "bencode"),
        (b"l" * 1000, "bencode"),
        (damaged(version=2), "version"),
        (damaged(version=b"1"), "version"),
        (damaged(waste=-1), "waste"),
        (damaged(object_format=b"md5"), "object format"),
        (damaged(object_format=1), "object format"),
        (damaged(refs=[]), "refs"),
        (damaged(refs={b"refs/heads/..": oid(1)}), "refs.refs/heads/.."),
        (damaged(refs={b"refs/heads/a": b"short"}), "refs.refs/heads/a"),
        (damaged(refs={b"refs/heads/a": bytes(20)}), "refs.refs/heads/a"),
        (damaged(refs={b"refs/heads/a": 1}), "refs.refs/heads/a"),
        (damaged(head=b"refs/tags/v1"), "head"),
        (damaged(head=b"main"), "head.main"),
        (damaged(head=b"HEAD"), "head"),
        (damaged(head=b"refs/heads/main", refs={b"HEAD": oid(1)}), "head"),
        (damaged(refs={b"FETCH_HEAD": oid(1)}), "refs.FETCH_HEAD"),
        (damaged(refs={b"HEAD/x": oid(1)}), "refs.HEAD/x"),
        (damaged(previous=b"x"), "previous"),
        (damaged(origin=b"ext::sh -c evil"), "origin"),
        (damaged(origin=b"--upload-pack=evil"), "origin"),
        (damaged(generations={}), "generations"),
        (damaged(generations=[]), "generations"),
        (damaged(generations=[1]), "generations[0]"),
        (damaged(generations=[ENTRY, ENTRY]), "generations"),
        (damaged(generations=[{**ENTRY, b"root": b"r"}]), "generations[0].root"),
        (damaged(generations=[{**ENTRY, b"length": 1 << 50}]), "generations[0].objects"),
        (damaged(generations=[{**ENTRY, b"objects": 0}]), "generations[0].objects"),
        (damaged(generations=[{**ENTRY, b"objects": 1 << 32}]), "generations[0].objects"),
        (damaged(generations=[{**ENTRY, b"tips": b"x"}]), "generations[0].tips"),
        (damaged(generations=[{**ENTRY, b"tips": 1}]), "generations[0].tips"),
    ],
)
def test_what_is_refused(data: bytes, field: str) -> None:
    with pytest.raises(ManifestError) as caught:
        decode(data)
    assert caught.value.field == field
    assert caught.value.fault


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    data = SMALL.encode()
    for name, least, field in (
        ("MAX_SIZE", 10, "size"),
        ("MAX_GENERATIONS", 1, "generations"),
        ("MAX_PACK", 15_000, "generations"),
        ("MAX_EDGES", 2, "generations"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, least)
            with pytest.raises(ManifestError) as caught:
                decode(data)
            assert caught.value.field == field


def test_the_message_says_whose_fault_it_is() -> None:
    assert str(ManifestError("head", "is no branch")) == "manifest: head: is no branch"
    assert Generation(b"r" * 32, 5, 1).file == f"{b'r'.hex() * 32}.pack"
