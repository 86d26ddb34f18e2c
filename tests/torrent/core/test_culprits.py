"""Liars are named, the honest are not, and memory is bounded."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.core import culprits as module
from torrent.core.culprits import DISTRUST, MOST_TRUST, Culprits

TRUE = [bytes([block]) * 20 for block in range(4)]
FALSE = b"\xff" * 20


def piece(*liars: int) -> list[bytes]:
    """The digests of a piece, with these blocks false."""
    return [FALSE if block in liars else digest for block, digest in enumerate(TRUE)]


def test_the_only_sender_of_a_false_piece_is_a_proven_liar() -> None:
    culprits = Culprits()
    assert culprits.failed(7, piece(2), ["mallory"] * 4) == {"mallory"}
    assert not culprits.suspects(7)


def test_once_the_piece_passes_whoever_sent_something_else_is_known() -> None:
    culprits = Culprits()
    assert not culprits.failed(7, piece(1), ["alice", "mallory", "bob", "bob"])
    assert culprits.suspects(7)
    assert culprits.passed(7, TRUE, ["alice", "alice", "carol", "bob"]) == {"mallory"}
    assert not culprits.suspects(7)
    assert not culprits.passed(7, TRUE)


def test_liars_of_several_failures_of_one_piece_are_all_found() -> None:
    culprits = Culprits()
    assert not culprits.failed(7, piece(1), ["alice", "mallory", "bob", "bob"])
    assert not culprits.failed(7, piece(0, 2), ["eve", "bob", "trudy", "alice"])
    assert culprits.passed(7, TRUE, ["alice"] * 4) == {"mallory", "eve", "trudy"}


def test_a_peer_that_sent_the_same_false_block_in_the_end_is_not_accused_by_itself() -> None:
    culprits = Culprits()
    assert not culprits.failed(7, TRUE, ["alice", "alice", "bob", "bob"])  # our own disk lied
    assert not culprits.passed(7, TRUE, ["alice"] * 4)


@given(
    st.lists(st.lists(st.sampled_from("hijklmLMN"), min_size=4, max_size=4), max_size=60),
    st.integers(0, 99),
)
def test_among_liars_and_honest_peers_only_liars_are_found(
    rounds: list[list[str]], seed: int
) -> None:
    culprits, rng = Culprits(), Random(seed)
    pending: dict[int, bool] = {}
    for senders in rounds:
        number = rng.randrange(5)
        lies = [block for block, sender in enumerate(senders) if sender.isupper()]
        if lies and len(culprits._failures.get(number, ())) < module.MOST_FAILURES:
            found = culprits.failed(number, piece(*lies), senders)
            pending[number] = True
        else:
            found = culprits.passed(number, TRUE, senders)
            assert found or not pending.pop(number, False) or not lies
        assert all(peer.isupper() for peer in found)


def test_leaves_of_a_v2_piece_name_the_liar_at_the_first_block() -> None:
    senders = ["alice", "mallory", "bob", "mallory"]
    assert Culprits.compare(piece(1), TRUE, senders) == {"mallory"}
    assert Culprits.compare(TRUE, TRUE, senders) == frozenset()
    with pytest.raises(ValueError, match="argument 2 is longer"):
        Culprits.compare(TRUE[:3], TRUE, senders)


def test_without_digests_there_is_only_trust() -> None:
    culprits = Culprits()
    for count in range(1, 4):
        assert not culprits.failed(count, (), ["alice", "mallory"])
        assert culprits.points("mallory") == -2 * count
        assert not culprits.passed(100 + count, (), ["alice"])
    assert culprits.failed(4, (), ["alice", "mallory"]) == {"mallory"}
    assert culprits.points("mallory") < DISTRUST < culprits.points("alice") == -8 + 3


def test_a_good_reputation_is_worth_seven_failures_and_no_more() -> None:
    culprits = Culprits()
    for number in range(100):
        assert not culprits.passed(number, (), ["mallory", "alice"])
    assert culprits.points("mallory") == MOST_TRUST
    failures = 0
    while not culprits.failed(failures, (), ["mallory", str(failures)]):
        failures += 1
    assert failures == 7


def test_a_piece_that_passes_with_unknown_digests_costs_its_former_senders_trust() -> None:
    culprits = Culprits()
    assert not culprits.failed(7, piece(1), ["alice", "mallory", "bob", "bob"])
    assert culprits.points("mallory") == 0  # proof may still come
    assert not culprits.passed(7, (), ["carol"] * 4)
    assert [culprits.points(peer) for peer in ("mallory", "bob", "carol")] == [-2, -2, 1]


def test_a_piece_that_fails_again_and_again_costs_trust_once_its_proof_is_lost() -> None:
    culprits = Culprits()
    senders = ["alice", "mallory", "bob", "bob"]
    for _ in range(module.MOST_FAILURES):
        assert not culprits.failed(7, piece(1), senders)
    assert culprits.points("mallory") == 0
    assert not culprits.failed(7, piece(1), senders)
    assert culprits.points("mallory") == -2
    assert culprits._blocks == 4 * module.MOST_FAILURES


def test_memory_is_bounded_in_pieces_blocks_and_peers() -> None:
    culprits = Culprits()
    for number in range(3 * module.MOST_PIECES):
        culprits.failed(number, piece(1), [f"a{number}", f"b{number}", "c", "c"])
    assert len(culprits._failures) == module.MOST_PIECES
    assert culprits._blocks == 4 * module.MOST_PIECES
    assert culprits.points("a0") == -2  # its proof was pushed out
    assert culprits.points(f"a{3 * module.MOST_PIECES - 1}") == 0
    for number in range(20):
        digests = [FALSE] * 1024
        culprits.failed(number, digests, ["d", "e"] * 512)
        assert culprits._blocks <= module.MOST_BLOCKS
        assert culprits._blocks == sum(
            len(failure.digests) for failures in culprits._failures.values() for failure in failures
        )
    too_much = module.MOST_BLOCKS + 2
    culprits.failed(1, [FALSE] * too_much, ["d", "e"] * (too_much // 2))
    assert culprits._blocks == 0
    for number in range(2 * module.MOST_PEERS):
        culprits.passed(number, (), [number])
    assert len(culprits._points) == module.MOST_PEERS
