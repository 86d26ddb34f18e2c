from __future__ import annotations

import pytest

from dht.names import parse
from tests.handmade import (
    FILES,
    LARGE,
    PIECE,
    SMALL,
    hybrid_torrent,
    layer_of,
    layers_of,
    leaves_of,
    noise,
    root_of,
    several,
    sha1,
    sha256,
    single,
    torrent,
    v2,
    v2_torrent,
    whole_tree,
)
from torrent.core.metainfo import Info, merkle, read_info, read_metainfo
from torrent.errors import MetainfoError

V1 = read_metainfo(torrent(several(FILES))).info
V2 = read_metainfo(v2_torrent(FILES)).info
HYBRID = read_metainfo(hybrid_torrent(FILES)).info


def test_infohashes_on_the_wire_have_twenty_bytes() -> None:
    assert V1.infohashes == (sha1(V1.raw),)
    assert V2.infohashes == (sha256(V2.raw)[:20],)
    assert HYBRID.infohashes == (sha1(HYBRID.raw), sha256(HYBRID.raw)[:20])


def test_cids_are_those_of_the_address_space() -> None:
    assert [cid.codec for cid in HYBRID.cids] == ["torrent-info"] * 2
    assert V1.cids[0] == parse("magnet:?xt=urn:btih:" + sha1(V1.raw).hex()).cid
    assert V2.cids[0] == parse("magnet:?xt=urn:btmh:1220" + sha256(V2.raw).hex()).cid
    assert [cid.multihash[2:] for cid in HYBRID.cids] == [sha1(HYBRID.raw), sha256(HYBRID.raw)]


def test_piece_hashes() -> None:
    data = LARGE + SMALL
    for piece in range(V1.piece_count):
        assert V1.piece_hash(piece) == sha1(data[piece * PIECE : (piece + 1) * PIECE])
    with pytest.raises(IndexError):
        V1.piece_hash(V1.piece_count)
    with pytest.raises(ValueError, match="no SHA-1"):
        V2.piece_hash(0)


@pytest.mark.parametrize("info", [V2, HYBRID], ids=["v2", "hybrid"])
def test_piece_roots_are_those_of_the_payload(info: Info) -> None:
    content = {root_of(data): data for data in FILES.values()}
    for piece in range(info.piece_count):
        file = info.files[info.file_at(piece)]
        assert file.pieces_root is not None
        start = piece * PIECE - file.offset
        payload = content[file.pieces_root][start : start + info.payload_size(piece)]
        tree = whole_tree(leaves_of(payload), info.leaf_width(piece))
        assert info.piece_root(piece) == tree[-1][0]
        assert merkle.root(merkle.leaf_hashes(payload), info.leaf_width(piece)) == tree[-1][0]


def test_v1_has_no_piece_roots() -> None:
    assert V1.piece_root(0) is None
    assert V1.missing_layers == ()
    with pytest.raises(IndexError):
        V1.piece_root(99)


def test_layers_can_come_later() -> None:
    bare = read_info(V2.raw)
    assert bare.missing_layers == (root_of(LARGE),)
    assert [bare.piece_root(piece) for piece in range(4)] == [None] * 4
    assert bare.piece_root(4) == root_of(SMALL)
    full = bare.with_layers(layers_of(FILES))
    assert full == V2
    assert hash(full) == hash(bare)
    assert full.missing_layers == ()
    assert bare.missing_layers == (root_of(LARGE),)


def test_layers_can_come_one_by_one() -> None:
    other = noise(70_000, 9)
    files = {"a": LARGE, "b": other, "c": LARGE}
    info = read_info(read_metainfo(torrent(v2(files))).info.raw)
    assert info.missing_layers == (root_of(LARGE), root_of(other))
    info = info.with_layers({root_of(other): layer_of(other)})
    assert info.missing_layers == (root_of(LARGE),)
    info = info.with_layers({root_of(LARGE): layer_of(LARGE)})
    assert info.missing_layers == ()
    # Two files of the same content share a layer.
    assert info.piece_root(0) == info.piece_root(7) == layer_of(LARGE)[:32]


@pytest.mark.parametrize(
    ("root", "layer", "fault"),
    [
        (b"u" * 32, layer_of(LARGE), "no file of more than one piece"),
        (root_of(SMALL), root_of(SMALL), "no file of more than one piece"),
        (root_of(LARGE), layer_of(LARGE)[:-1], "127 bytes instead of 128"),
        (root_of(LARGE), layer_of(LARGE)[32:] + bytes(32), "do not lead to this root"),
    ],
)
def test_false_layers_are_refused(root: bytes, layer: bytes, fault: str) -> None:
    bare = read_info(V2.raw)
    with pytest.raises(MetainfoError, match=fault) as caught:
        bare.with_layers({root: layer})
    assert caught.value.field == f"piece layers.{root.hex()}"
    assert bare.missing_layers == (root_of(LARGE),)


def test_layers_are_read_only() -> None:
    with pytest.raises(TypeError):
        V2.piece_layers[b"x"] = b"y"  # type: ignore[index]
    with pytest.raises(TypeError):
        V1.piece_layers[b"x"] = b"y"  # type: ignore[index]


def test_private() -> None:
    assert not V1.private
    assert read_metainfo(torrent(single(SMALL, private=1))).info.private


def test_an_info_is_shown_without_its_bytes() -> None:
    assert len(repr(V2)) < 1500
