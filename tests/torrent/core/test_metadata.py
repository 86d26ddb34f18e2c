"""Metadata assembly: who is asked for what, who lied, and that the truth comes out."""

from __future__ import annotations

import hashlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.core.metadata import (
    MAX_ASKED,
    PATIENCE_S,
    REFUSED_S,
    MetadataAssembly,
    is_info_of,
    serve,
)
from torrent.core.wire import MAX_METADATA, METADATA_PIECE, MetadataData, MetadataReject
from torrent.errors import WireError

RAW = Random(5).randbytes(4 * METADATA_PIECE + 100)
V1, V2 = hashlib.sha1(RAW).digest(), hashlib.sha256(RAW).digest()


def assembly(raw: bytes = RAW) -> MetadataAssembly:
    return MetadataAssembly([hashlib.sha1(raw).digest()], len(raw))


def honest(piece: int, raw: bytes = RAW) -> MetadataData:
    part = serve(raw, piece)
    assert isinstance(part, MetadataData)
    return part


def false(piece: int, raw: bytes = RAW) -> MetadataData:
    part = honest(piece, raw)
    return MetadataData(piece, part.total, bytes(len(part.data)))


def asked(work: MetadataAssembly, peer: str, now: float = 0.0) -> list[int]:
    """Everything the peer is asked for now."""
    pieces = []
    while (piece := work.ask(peer, now)) is not None:
        pieces.append(piece)
    return pieces


def deliver(
    work: MetadataAssembly, peer: str, now: float = 0.0, lies: tuple[int, ...] = ()
) -> bytes | None:
    """Ask the peer and let it answer, until it is asked no more."""
    raw = None
    while pieces := asked(work, peer, now):
        for piece in pieces:
            raw = work.received(peer, false(piece) if piece in lies else honest(piece), now)
    return raw


@pytest.mark.parametrize(
    "infohashes", [[V1], [V2], [V2[:20]], [V1, V2], [V1, V2[:20]], (V1, V2, V2[:20])]
)
def test_all_infohashes_must_be_of_this_info(infohashes: list[bytes]) -> None:
    assert is_info_of(RAW, infohashes)
    assert not is_info_of(RAW + b"x", infohashes)
    assert not is_info_of(RAW, [*infohashes, bytes(20)])
    work = MetadataAssembly(infohashes, len(RAW))
    assert deliver(work, "a") == work.raw == RAW


def test_no_infohash_is_nobodys() -> None:
    assert not is_info_of(RAW, [])


@pytest.mark.parametrize("size", [-1, 0, MAX_METADATA + 1, 2**31])
def test_sizes_nobody_has_are_refused(size: int) -> None:
    with pytest.raises(WireError, match=f"metadata has {size} bytes; we take 1 to"):
        MetadataAssembly([V1], size)


def test_we_serve_what_we_have() -> None:
    parts = [honest(piece) for piece in range(5)]
    assert b"".join(part.data for part in parts) == RAW
    assert {part.total for part in parts} == {len(RAW)}
    for piece in (-1, 5, 2**31):
        assert serve(RAW, piece) == MetadataReject(piece)
    assert serve(bytes(METADATA_PIECE), 1) == MetadataReject(1)


def test_peers_are_asked_for_different_pieces_few_at_a_time() -> None:
    work = assembly()
    assert asked(work, "a") == [0, 1]
    assert asked(work, "b") == [2, 3]
    assert asked(work, "c") == [4]
    assert asked(work, "d") == []
    assert work.received("b", honest(2), 0.0) is None
    assert asked(work, "b") == []
    assert MAX_ASKED == 2
    for piece, peer in ((0, "a"), (1, "a"), (3, "b")):
        work.received(peer, honest(piece), 0.0)
    assert work.received("c", honest(4), 0.0) == RAW
    assert asked(work, "c") == []
    assert work.liars() == frozenset()


def test_a_piece_that_does_not_come_is_asked_of_another() -> None:
    work = assembly()
    assert asked(work, "a", 0.0) == [0, 1]
    assert asked(work, "b", PATIENCE_S - 1) == [2, 3]
    assert asked(work, "c", PATIENCE_S) == [0, 1]
    # The first may still answer, and be first; the second answer is dropped.
    work.received("a", honest(0), PATIENCE_S + 1)
    work.received("c", false(0), PATIENCE_S + 1)
    assert asked(work, "a", 2 * PATIENCE_S - 1) == [2, 3]
    for peer, piece in (("a", 2), ("a", 3), ("c", 1)):
        work.received(peer, honest(piece), 2 * PATIENCE_S - 1)
    assert asked(work, "a", 2 * PATIENCE_S - 1) == [4]
    assert work.received("a", honest(4), 2 * PATIENCE_S - 1) == RAW


def test_who_refuses_is_left_alone_for_a_while() -> None:
    work = assembly()
    asked(work, "a")
    work.rejected("a", 4, 0.0)  # was not asked: means nothing
    work.rejected("a", 0, 0.0)
    assert asked(work, "b") == [0, 2]
    assert asked(work, "a", REFUSED_S - 1) == []
    work.forget("b")
    assert asked(work, "a", REFUSED_S) == [0, 1]
    work.rejected("a", 0, REFUSED_S)
    work.forget("a")  # it comes back as a stranger
    assert asked(work, "a", REFUSED_S) == [0, 1]


def test_what_was_not_asked_is_dropped() -> None:
    work = assembly()
    work.received("a", false(0), 0.0)
    asked(work, "a")
    work.received("b", false(0), 0.0)
    work.received("a", false(4), 0.0)
    work.received("a", honest(0), 0.0)
    work.received("a", false(0), 0.0)
    assert deliver(work, "a") is None  # 1 is still to come
    assert work.received("a", honest(1), 0.0) == RAW


@pytest.mark.parametrize(
    "part", [MetadataData(0, 10, b"x" * 10), MetadataData(0, 2 * METADATA_PIECE, RAW[:16384])]
)
def test_another_size_than_said_is_refused(part: MetadataData) -> None:
    work = assembly()
    asked(work, "a")
    with pytest.raises(WireError, match=f"it had said {len(RAW)}"):
        work.received("a", part, 0.0)


def test_one_who_sent_everything_is_convicted_at_once() -> None:
    work = assembly()
    assert deliver(work, "liar", lies=(3,)) is None
    assert work.liars() == {"liar"}
    assert work.liars() == frozenset()
    assert asked(work, "liar") == []
    assert deliver(work, "honest") == RAW


def test_the_one_false_piece_among_many_names_its_sender() -> None:
    work = assembly()
    for peer in ("a", "liar", "c"):
        asked(work, peer)
    for peer, part in (
        ("a", honest(0)),
        ("a", honest(1)),
        ("liar", false(2)),
        ("liar", honest(3)),
        ("c", honest(4)),
    ):
        assert work.received(peer, part, 0.0) is None
    assert work.liars() == frozenset()
    # From here one at a time; a second liar convicts itself.
    assert asked(work, "d") == [0, 1]
    assert asked(work, "a") == []
    for piece in (0, 1):
        work.received("d", false(piece), 0.0)
    assert deliver(work, "d", lies=(2, 3)) is None
    assert work.liars() == {"d"}
    assert deliver(work, "c") == RAW
    assert work.liars() == {"liar"}


def spoiled() -> MetadataAssembly:
    """An assembly whose first attempt failed, by nobody knows whom."""
    work = assembly()
    asked(work, "a")
    asked(work, "b")
    asked(work, "c")
    for peer, piece in (("a", 0), ("a", 1), ("b", 2), ("b", 3)):
        work.received(peer, honest(piece), 0.0)
    assert work.received("c", false(4), 0.0) is None
    return work


def test_who_stalls_while_asked_alone_is_passed_over() -> None:
    work = spoiled()
    assert asked(work, "a", 0.0) == [0, 1]
    work.received("a", honest(0), 5.0)
    assert asked(work, "b", 5.0 + PATIENCE_S - 1) == []
    assert asked(work, "b", 5.0 + PATIENCE_S) == [0, 1]  # from the beginning
    assert work.received("a", honest(1), 16.0) is None  # too late: it would mix senders
    work.received("b", honest(0), 16.0)
    work.received("b", honest(1), 16.0)
    assert deliver(work, "b", 16.0) == RAW
    assert work.liars() == {"c"}


@pytest.mark.parametrize("leave", ["rejected", "forget"])
def test_who_leaves_while_asked_alone_makes_room(leave: str) -> None:
    work = spoiled()
    assert asked(work, "a") == [0, 1]
    work.forget("b")  # somebody else's going changes nothing
    assert asked(work, "b") == []
    if leave == "forget":
        work.forget("a")
    else:
        work.rejected("a", 0, 0.0)
    assert deliver(work, "b") == RAW


@given(
    st.integers(1, 6 * METADATA_PIECE),
    st.sets(st.integers(0, 4)),
    st.randoms(use_true_random=False),
)
def test_one_honest_peer_is_enough(size: int, liars: set[int], rng: Random) -> None:
    """Any number of liars, in any order of answers: the truth comes, the innocent stay free."""
    raw = rng.randbytes(size)
    work, now = assembly(raw), 0.0
    waiting: list[tuple[int, int]] = []
    for _ in range(2000):
        now += rng.random()
        peer = rng.randrange(6)  # 5 is honest
        if (piece := work.ask(peer, now)) is not None:
            waiting.append((peer, piece))
        elif waiting:
            peer, piece = waiting.pop(rng.randrange(len(waiting)))
            lie = peer in liars and rng.random() < 0.7
            whole = work.received(peer, (false if lie else honest)(piece, raw), now)
            if whole is not None:
                break
    assert work.raw == raw
    assert work.liars() <= liars
