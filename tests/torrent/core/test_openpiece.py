"""One piece, block by block, beside sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.core.openpiece import FRESH, LAST, STALE, OpenPiece, Receipt

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "receive", "release", "duplicate"]),
        st.integers(0, 5),
        st.sampled_from("abc"),
    ),
    max_size=60,
)


@given(STEPS)
def test_every_block_is_free_asked_for_or_here(steps: list[tuple[str, int, str]]) -> None:
    piece = OpenPiece(3, 6, "a")
    free, here, asked = set(range(6)), set[int](), dict[int, list[str]]()
    for what, block, peer in steps:
        match what:
            case "take" if free and block:
                taken = piece.take(peer, block, 1.0)
                assert len(taken) == min(block, len(free))
                for number, it in taken:
                    assert number == 3
                    free.remove(it)
                    asked[it] = [peer]
            case "receive":
                receipt = piece.received(block, peer)
                assert receipt.fresh == (block not in here)
                others = asked.pop(block, [])
                assert set(receipt.others) == set(others) - {peer}
                here.add(block)
                free.discard(block)
                assert receipt.complete == (receipt.fresh and len(here) == 6)
            case "release":
                was_asked = peer in asked.get(block, ())
                assert piece.released(block, peer) == was_asked
                if was_asked:
                    asked[block].remove(peer)
                    if not asked[block]:
                        del asked[block]
                        free.add(block)
            case "duplicate" if peer not in asked.get(block, peer):
                piece.duplicate(block, peer)
                asked[block].append(peer)
        assert set(piece.free) == free
        assert len(piece.free) == len(free)
        assert piece.missing == 6 - len(here)
        assert {block: list(askers) for block, _, askers in piece.asked()} == asked
        for name in "abc":
            assert sorted(piece.of(name)) == sorted(it for it in asked if name in asked[it])
        assert len(piece._more) == sum(len(askers) > 1 for askers in asked.values())


def test_blocks_are_asked_for_in_their_order_and_returned_ones_at_once() -> None:
    piece = OpenPiece(0, 5, "a")
    assert piece.take("a", 3, 1.0) == [(0, 0), (0, 1), (0, 2)]
    assert piece.released(1, "a")
    assert piece.owner is None
    assert piece.take("b", 9, 2.0) == [(0, 1), (0, 3), (0, 4)]
    assert [(block, at) for block, at, _ in piece.asked()] == [
        (0, 1.0),
        (1, 2.0),
        (2, 1.0),
        (3, 2.0),
        (4, 2.0),
    ]


def test_the_usual_receipts_are_shared_values() -> None:
    piece = OpenPiece(0, 2, "a")
    piece.take("a", 2, 0.0)
    assert piece.received(0, "a") is FRESH
    assert piece.received(0, "a") is STALE
    assert piece.received(1, "a") is LAST
    assert Receipt(fresh=True, complete=True, others=()) == LAST


@pytest.mark.parametrize("peer", [0, "", (), ("::1", 6881)])
def test_a_peer_is_any_hashable_value_even_a_false_one(peer: object) -> None:
    piece = OpenPiece(0, 2, peer)
    piece.take(peer, 2, 0.0)
    assert piece.of(peer) == [0, 1]
    assert piece.received(0, peer) is FRESH
    assert piece.released(1, peer)
    assert piece.free == [1]
