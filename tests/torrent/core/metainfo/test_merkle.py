from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.handmade import (
    BLOCK,
    layer_of,
    leaves_of,
    noise,
    power,
    root_of,
    sha256,
    tree_of,
    whole_tree,
)
from torrent.core.metainfo import merkle

hashes = st.integers(1, 40).map(lambda count: [sha256(bytes([n])) for n in range(count)])


@pytest.mark.parametrize(
    ("count", "width"), [(0, 1), (1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (64, 64), (65, 128)]
)
def test_a_width_is_a_power_of_two(count: int, width: int) -> None:
    assert merkle.width_of(count) == width


def test_padding_hashes() -> None:
    assert merkle.PADDINGS[0] == bytes(32)
    assert merkle.PADDINGS[3] == whole_tree([], 8)[-1][0]


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 7])
def test_leaves(size: int) -> None:
    data = noise(size)
    assert merkle.leaf_hashes(data) == leaves_of(data)
    assert merkle.leaf_hashes(bytearray(data)) == leaves_of(data)
    assert merkle.file_root(leaves_of(data)) == root_of(data)


def test_nothing_has_no_leaves() -> None:
    assert merkle.leaf_hashes(b"") == []


@given(hashes, st.integers(0, 2))
def test_layers_are_those_of_the_whole_tree(leaves: list[bytes], wider: int) -> None:
    width = power(len(leaves)) << wider
    whole = whole_tree(leaves, width)
    found = merkle.layers(leaves, width)
    assert len(found) == len(whole)
    for short, full in zip(found, whole, strict=True):
        assert short == full[: len(short)]
    assert merkle.root(leaves, width) == whole[-1][0]


@given(hashes, st.integers(0, 3))
def test_the_upper_part_of_a_tree_is_a_tree(leaves: list[bytes], height: int) -> None:
    width = max(power(len(leaves)), 1 << height)
    whole = whole_tree(leaves, width)
    part = whole[height][: -(-len(leaves) >> height) or 1]
    assert merkle.root(part, width >> height, height=height) == whole[-1][0]


@pytest.mark.parametrize(("count", "width"), [(0, 1), (3, 2), (3, 3), (2, 6)])
def test_there_is_no_such_tree(count: int, width: int) -> None:
    with pytest.raises(ValueError, match="do not make a tree"):
        merkle.root([bytes(32)] * count, width)


@pytest.mark.parametrize("piece_length", [BLOCK, 2 * BLOCK, 8 * BLOCK])
@pytest.mark.parametrize("blocks", [9, 16, 17, 33])
def test_a_piece_layer_leads_to_the_root(piece_length: int, blocks: int) -> None:
    data = noise(blocks * BLOCK - 5)
    layer = layer_of(data, piece_length)
    assert merkle.piece_layer_root(layer, piece_length) == root_of(data)


@pytest.mark.parametrize("layer", [b"", b"x" * 31, b"x" * 33])
def test_a_piece_layer_of_broken_hashes(layer: bytes) -> None:
    with pytest.raises(ValueError, match=r"hash|tree"):
        merkle.piece_layer_root(layer, BLOCK)


@given(hashes, st.data())
def test_every_hash_can_be_proved_and_no_other(leaves: list[bytes], data: st.DataObject) -> None:
    width = power(len(leaves))
    tree = merkle.layers(leaves, width)
    index = data.draw(st.integers(0, len(leaves) - 1))
    uncles = merkle.proof(tree, index)
    assert len(uncles) == len(tree) - 1
    root = tree[-1][0]
    assert merkle.verify_proof(leaves[index], index, uncles, root)
    assert not merkle.verify_proof(sha256(b"false"), index, uncles, root)
    assert not merkle.verify_proof(leaves[index], index + width, uncles, root)
    for other in range(width):
        if other != index:
            assert not merkle.verify_proof(leaves[index], other, uncles, root)
    for at in range(len(uncles)):
        damaged = [*uncles[:at], sha256(b"false"), *uncles[at + 1 :]]
        assert not merkle.verify_proof(leaves[index], index, damaged, root)


def test_a_proof_from_the_piece_layer_up() -> None:
    data = noise(11 * BLOCK)
    layer = merkle.split(layer_of(data, 2 * BLOCK))
    tree = merkle.layers(layer, 8, height=1)
    for index, node in enumerate(layer):
        uncles = merkle.proof(tree, index, height=1)
        assert merkle.verify_proof(node, index, uncles, root_of(data))
    # The sixth of six pieces stands beside padding.
    assert merkle.proof(tree, 5, height=1)[1] == merkle.PADDINGS[2]


def test_a_tree_of_one_block_is_its_leaf() -> None:
    assert merkle.layers([b"x" * 32], 1) == [[b"x" * 32]]
    assert tree_of(b"abc")[-1][0] == sha256(b"abc") == merkle.file_root(merkle.leaf_hashes(b"abc"))
