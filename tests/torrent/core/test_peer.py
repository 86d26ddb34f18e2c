"""One connection: pace, window, patience, and what was said before the torrent was known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torrent.core.peer import MAX_GHOSTS, Early, Peer
from torrent.core.policy import BLOCK, MAX_PIECES, SwarmPolicy
from torrent.errors import WireError


def peer(**policy: object) -> Peer:
    return Peer(1, ("10.0.0.1", 1), SwarmPolicy(**policy), 0.0, incoming=False)  # type: ignore[arg-type]


def test_slow_start_doubles_and_ends_when_the_pace_does_not_follow() -> None:
    one = peer()
    assert one.window == 4
    one.took(4 * BLOCK, 4, 0.1)
    assert one.window == 8
    one.took(8 * BLOCK, 8, 0.2)
    assert one.window == 16
    for second in range(1, 12):
        one.took(4 * BLOCK, 4, float(second))
        one.measure()
    # 64 KiB a second: a second and a half of it is six blocks.
    assert one.window in {6, 7, 8}


def test_the_window_has_bounds() -> None:
    one = peer(most_window=50)
    one.took(400 * BLOCK, 400, 0.1)
    assert one.window == 50
    one.reqq = 3
    one.took(BLOCK, 1, 0.2)
    assert one.window == 3
    slow = peer()
    for second in range(30):
        slow.took(10, 1, float(second))
        slow.measure()
    assert slow.window == 4


def test_patience_is_several_times_what_the_pace_makes_likely() -> None:
    one = peer()
    one.outstanding = {(0, block): 0.0 for block in range(10)}
    assert one.patience() == 10.0
    assert one.overdue(9.9) == []
    assert len(one.overdue(10.0)) == 10
    for second in range(20):
        one.took(BLOCK, 1, float(second))
    assert one.patience() == pytest.approx(30.0, rel=0.2)
    one.outstanding = {(0, 0): 19.0, (0, 1): 23.0}
    assert one.overdue(26.0) == [(0, 0)]


def test_silence_is_a_snub_and_a_block_ends_it() -> None:
    one = peer()
    one.outstanding = {(0, 0): 0.0, (0, 1): 0.0}
    one.missed([(0, 0)], 10.0)
    assert one.snubbed
    assert one.window == 1
    assert one.patience() == 20.0
    one.measure()
    assert one.window == 1
    one.took(BLOCK, 1, 12.0)
    assert not one.snubbed
    assert one.timeouts == 0
    assert one.window > 1
    # One that is late while others come is just late.
    one.missed([(0, 1)], 12.1)
    assert not one.snubbed
    assert set(one.ghosts) == {(0, 0), (0, 1)}
    one.snubbed, one._growing = True, False
    one.measure()


def test_ghosts_are_bounded() -> None:
    one = peer()
    for block in range(MAX_GHOSTS + 10):
        one.haunt((0, block))
    assert len(one.ghosts) == MAX_GHOSTS
    assert (0, 0) not in one.ghosts


def test_strikes_end_it() -> None:
    one = peer(max_strikes=2)
    one.strike("why")
    one.strike("why")
    with pytest.raises(WireError, match="why, 3 times in a row"):
        one.strike("why")


def test_what_makes_a_connection_worthwhile() -> None:
    assert not peer().worthwhile(59.0)
    assert peer().worthwhile(61.0)
    one = peer()
    one.took(1, 1, 1.0)
    assert one.worthwhile(2.0)


@given(st.integers(1, 200), st.data())
def test_what_was_said_early_is_what_it_would_have_been(count: int, data: st.DataObject) -> None:
    pieces = data.draw(st.lists(st.integers(0, count - 1)))
    early = Early()
    for piece in pieces:
        early.have(piece)
    assert set(early.settle(count)) == set(pieces)
    again = Early()
    raw = bytearray((count + 7) // 8)
    for piece in pieces:
        raw[piece >> 3] |= 0x80 >> (piece & 7)
    again.bitfield(bytes(raw))
    assert set(again.settle(count)) == set(pieces)


def test_early_nonsense() -> None:
    early = Early()
    with pytest.raises(WireError, match="no torrent is that long"):
        early.have(MAX_PIECES)
    early.have(8)
    with pytest.raises(WireError, match="not that of 8 pieces"):
        early.settle(8)
    early = Early()
    early.bitfield(b"\xff")
    with pytest.raises(WireError):
        early.settle(3)
    whole = Early()
    whole.complete = True
    assert whole.settle(5).full
