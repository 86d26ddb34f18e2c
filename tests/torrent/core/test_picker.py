"""What the picker chooses, case by case. Everything at once: test_picker_oracle."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest

from torrent.core.bitfield import Bitfield
from torrent.core.errand import MOST_DUPLICATES, PATIENCE
from torrent.core.picker import FAST_MEMORY, LATE, RECONSIDER, SLOW_MARGIN, Picker
from torrent.core.views import Views

if TYPE_CHECKING:
    from collections.abc import Iterable

BLOCKS = 4


def make(pieces: int, *peers: Iterable[int], max_open: int = 8, seed: int = 1) -> Picker:
    """A picker that has met peers with these pieces."""
    picker = Picker(lambda _: BLOCKS, pieces, Random(seed), max_open=max_open)
    for peer in peers:
        picker.joined(Bitfield(pieces, peer))
    return picker


def everything(picker: Picker) -> Bitfield:
    return Bitfield(picker.have.count, range(picker.have.count))


def fetch(picker: Picker, peer: str, blocks: Iterable[tuple[int, int]]) -> None:
    """``peer`` sends these, and what is whole passes."""
    for piece, block in blocks:
        if picker.received(piece, block, peer).complete:
            picker.passed(piece)


def pieces_of(blocks: Iterable[tuple[int, int]]) -> list[int]:
    return list(dict.fromkeys(piece for piece, _ in blocks))


def test_one_seed_and_one_leech_move_a_whole_torrent_once() -> None:
    picker = make(30, range(30), max_open=3)
    seed, asked = everything(picker), list[tuple[int, int]]()
    while not picker.complete:
        blocks = picker.pick("seed", seed, 5, 0.0, fast=True)
        asked += blocks
        fetch(picker, "seed", blocks)
        assert len(picker.open_pieces) <= 3
    assert len(asked) == len(set(asked)) == 30 * BLOCKS
    assert picker.have.full
    assert picker.pick("seed", seed, 5, 0.0) == []
    assert not picker.interesting(seed)


def test_the_rarest_come_first_after_a_random_first_piece() -> None:
    everywhere, first = range(9), Counter[int]()
    for seed in range(40):
        picker = make(9, everywhere, everywhere, [0, 1, 2, 4, 5, 6, 7, 8], seed=seed)
        blocks = picker.pick("a", everything(picker), 2 * BLOCKS, 0.0)
        assert [block for _, block in blocks] == [0, 1, 2, 3, 0, 1, 2, 3]
        random, rarest = pieces_of(blocks)
        first[random] += 1
        assert rarest == (3 if random != 3 else rarest)
    assert len(first) == 9


def test_sequential_goes_forward_within_a_priority() -> None:
    picker = make(9, range(9))
    picker.sequential = True
    picker.set_priority(7, 5)
    picker.set_priority(0, 1)
    assert pieces_of(picker.pick("a", everything(picker), 4 * BLOCKS, 0.0)) == [7, 1, 2, 3]


def test_the_same_dice_give_the_same_pieces() -> None:
    runs = [make(50, range(50), max_open=50, seed=9) for _ in range(2)]
    picks = [picker.pick("a", everything(picker), 160, 0.0) for picker in runs]
    assert picks[0] == picks[1]


def test_a_slow_peer_helps_where_a_fast_one_begins_anew() -> None:
    for fast in (False, True):
        picker = make(9, range(9))
        first = picker.pick("a", everything(picker), 1, 0.0)
        second = picker.pick("b", everything(picker), 1, 0.0, fast=fast)
        assert (pieces_of(first) != pieces_of(second)) == fast


def test_everybody_goes_on_with_what_is_their_own() -> None:
    picker = make(9, range(9))
    full = everything(picker)
    own = {peer: pieces_of(picker.pick(peer, full, 1, 0.0, fast=True)) for peer in "abc"}
    for peer in "cba":
        assert pieces_of(picker.pick(peer, full, 3, 0.0, fast=True)) == own[peer]
        assert pieces_of(picker.pick(peer, full, 1, 0.0, fast=True)) not in own.values()


def test_what_nobody_is_in_charge_of_is_adopted() -> None:
    picker = make(9, range(9))
    full = everything(picker)
    [first] = pieces_of(picker.pick("a", full, 3, 0.0, fast=True))
    picker.released(first, 1, "a")  # rejected
    assert picker.pick("b", full, 2, 0.0, fast=True) == [(first, 1), (first, 3)]
    picker.forget("b")
    picker.forget("a")
    assert picker.asked("a") == picker.asked("b") == []
    assert picker.pick("c", full, 4, 0.0, fast=True) == [(first, block) for block in (0, 2, 1, 3)]


def test_what_is_rare_comes_before_what_is_begun_and_common() -> None:
    """A seed is asked for what only it has."""
    picker = make(4, range(4), [0, 1, 2])
    common = Bitfield(4, [0, 1, 2])
    begun = pieces_of(picker.pick("leech", common, 2, 0.0))
    picker.forget("leech")
    assert pieces_of(picker.pick("seed", everything(picker), 6, 0.0)) == [3, *begun]


def test_when_no_piece_may_be_begun_all_join_in() -> None:
    picker = make(9, range(9), max_open=1)
    full = everything(picker)
    [piece] = pieces_of(picker.pick("a", full, 1, 0.0, fast=True))
    assert picker.pick("b", full, 9, 0.0, fast=True) == [(piece, 1), (piece, 2), (piece, 3)]
    assert picker.pick("c", full, 9, 0.0, fast=True) == []
    picker.max_open = 2
    assert len(picker.pick("c", full, 9, 0.0)) == 4


def test_choked_peers_are_asked_for_their_allowed_fast_set() -> None:
    picker = make(20, range(20))
    picker.pick("a", everything(picker), 1, 0.0)
    blocks = picker.pick("b", Bitfield(20, [3, 4]), 40, 0.0, only={4, 9, 77})
    assert pieces_of(blocks) == [4]


def test_suggested_pieces_come_first_if_they_are_there_and_as_wanted() -> None:
    picker = make(20, range(20))
    picker.set_priority(5, 3)
    blocks = picker.pick("a", everything(picker), 2 * BLOCKS, 0.0, suggested=[5, 11, 400])
    assert pieces_of(blocks)[0] == 11
    assert pieces_of(blocks)[1] != 5


# The end.


def test_the_endgame_asks_for_the_end_of_anothers_queue() -> None:
    picker = make(2, range(2), max_open=2)
    full = everything(picker)
    slow = picker.pick("slow", full, 4, 0.0) + picker.pick("slow", full, 4, 0.1)
    assert picker.pick("other", Bitfield(2), 3, 0.0) == []
    assert picker.pick("fast", full, 3, 0.5) == slow[:-4:-1]
    assert picker.pick("slow", full, 3, 0.5) == []
    assert picker.pick("third", full, 1, 0.5) == [slow[-4]]  # fewer askers first


def test_duplicates_are_bounded_and_cancelled() -> None:
    picker = Picker(lambda _: 20, 1, Random(1), max_open=1)
    full = everything(picker)
    picker.joined(full)
    picker.pick("a", full, 20, 0.0)
    last = [len(picker.pick(peer, full, 20, 1.0)) for peer in "bcd"]
    assert last == [MOST_DUPLICATES] * 3
    assert picker.pick("b", full, 20, 1.0) == []
    piece, block = picker.asked("b")[0]
    receipt = picker.received(piece, block, "b")
    assert receipt.fresh
    assert set(receipt.others) > {"a"}
    assert not picker.received(piece, block, "a").fresh
    assert len(picker.pick("b", full, 20, 1.0)) == 1


def test_the_endgame_waits_while_somebody_may_still_be_asked() -> None:
    picker = make(3, [0, 1])
    some = Bitfield(3, [0])
    assert len(picker.pick("a", some, 9, 0.0)) == 4
    assert picker.pick("b", some, 9, 0.0) == []  # piece 1 is free, if not here
    assert len(picker.pick("c", Bitfield(3, [1]), 9, 0.0)) == 4
    assert len(picker.pick("b", some, 9, 0.0)) == 4  # piece 2 is nowhere


def test_a_fast_peer_does_not_wait_for_ever_for_a_slow_one() -> None:
    picker = make(9, range(9), max_open=1)
    full = everything(picker)
    blocks = picker.pick("slow", full, 4, 0.0)
    assert picker.pick("fast", full, 4, PATIENCE - 0.1, fast=True) == []
    assert picker.pick("fast", full, 4, PATIENCE, fast=True) == []  # looked a moment ago
    assert picker.pick("idle", full, 4, PATIENCE + RECONSIDER) == []  # not fast
    assert picker.pick("fast", full, 4, PATIENCE + RECONSIDER, fast=True) == blocks[::-1]


# Deadlines.


def test_deadlines_come_first_the_earliest_before_all() -> None:
    picker = make(20, range(20))
    for piece, at in ((4, 30.0), (9, 20.0), (2, 20.0), (7, 10.0)):
        picker.set_deadline(piece, at)
    picker.set_deadline(7, None)
    picker.set_deadline(8, None)
    assert pieces_of(picker.pick("a", everything(picker), 12, 0.0)) == [2, 9, 4]


def test_what_is_urgent_is_left_to_fast_peers_while_there_are_any() -> None:
    picker = make(20, range(20))
    full = everything(picker)
    picker.set_deadline(7, SLOW_MARGIN)
    assert pieces_of(picker.pick("fast", full, 2, 1.0, fast=True)) == [7]
    assert 7 not in pieces_of(picker.pick("slow", full, 1, 1.0))
    assert pieces_of(picker.pick("slow", full, 1, 1.0 + FAST_MEMORY)) == [7]


def test_late_blocks_of_urgent_pieces_are_asked_twice() -> None:
    picker = make(20, range(20))
    full = everything(picker)
    picker.set_deadline(7, 3.0)
    urgent = picker.pick("slow", full, 4, 0.0)
    assert 7 not in pieces_of(picker.pick("fast", full, 2, LATE - 0.1, fast=True))
    assert picker.pick("fast", full, 2, 1.5, fast=True) == urgent[:-3:-1]
    assert 7 not in pieces_of(picker.pick("slower", full, 2, 1.5))


def test_deadlines_do_not_break_the_limit_of_open_pieces() -> None:
    picker = make(20, range(20), max_open=1)
    full = everything(picker)
    begun = pieces_of(picker.pick("a", full, 1, 0.0))
    picker.set_deadline(19, 5.0)
    picker.set_deadline(18, 5.0)
    assert pieces_of(picker.pick("a", full, 9, 0.0)) == begun
    assert picker.pick("b", Bitfield(20, [18]), 9, 0.0) == []


def test_a_deadline_makes_a_piece_wanted_and_ends_with_it() -> None:
    picker = make(4, range(4))
    picker.set_priorities([0, 0, 0, 0])
    assert picker.complete
    assert not picker.interesting(everything(picker))
    picker.set_deadline(2, 9.0)
    assert picker.priority(2) == 7
    fetch(picker, "a", picker.pick("a", everything(picker), 9, 0.0))
    assert picker.complete
    picker.set_deadline(2, 10.0)  # it is here
    assert picker.pick("a", everything(picker), 9, 0.0) == []


# Trouble.


def test_a_failed_piece_is_fetched_again_from_one_peer_alone() -> None:
    picker = make(2, range(2))
    full = everything(picker)
    picker.set_priority(1, 0)
    for block in range(4):
        [taken] = picker.pick("ab"[block % 2], full, 1, 0.0)
        complete = picker.received(*taken, "ab"[block % 2]).complete
    assert complete
    assert picker.pick("a", full, 1, 0.0) == []  # it is being verified
    picker.failed(0)
    assert picker.pick("c", full, 2, 0.0) == [(0, 0), (0, 1)]
    assert picker.pick("b", full, 2, 0.0) == []
    assert picker.pick("c", full, 2, 0.0) == [(0, 2), (0, 3)]
    assert picker.pick("b", full, 4, PATIENCE - 0.1) == []  # not even in the endgame
    assert len(picker.pick("b", full, 4, PATIENCE)) == 4


def test_what_the_disk_lost_is_fetched_anew() -> None:
    picker = make(3, range(3))
    full = everything(picker)
    while not picker.complete:
        fetch(picker, "a", picker.pick("a", full, 9, 0.0))
    picker.lost(1)
    assert picker.wants(1)
    assert picker.interesting(full)
    assert picker.wanted_left == 1
    assert pieces_of(picker.pick("a", full, 9, 0.0)) == [1]


def test_what_was_here_before_is_not_asked_for() -> None:
    picker = Picker(lambda _: 1, 10, Random(1), max_open=9, have=Bitfield(10, range(9)))
    full = everything(picker)
    picker.joined(full)
    assert picker.wanted_left == 1
    assert picker.pick("a", full, 9, 0.0) == [(9, 0)]


def test_an_unwanted_piece_is_dropped_with_its_blocks() -> None:
    picker = make(2, range(2))
    full = everything(picker)
    blocks = picker.pick("a", full, 8, 0.0)
    picker.received(*blocks[0], "a")
    picker.set_priority(blocks[0][0], 0)
    assert list(picker.open_pieces) == [blocks[-1][0]]
    assert not picker.received(*blocks[1], "a").fresh
    picker.set_priority(blocks[0][0], 1)
    assert sorted(picker.pick("a", full, 8, 0.0)) == sorted(blocks[:4])


@pytest.mark.parametrize("priority", [-1, 8])
def test_priorities_are_from_0_to_7(priority: int) -> None:
    picker = make(2)
    with pytest.raises(ValueError, match=f"0 to 7, not {priority}"):
        picker.set_priority(0, priority)
    with pytest.raises(ValueError, match="not"):
        picker.set_priorities([4, priority])
    with pytest.raises(ValueError, match="3 priorities for 2 pieces"):
        picker.set_priorities([1, 1, 1])


def test_interest_is_exact_for_bitfields_it_never_met_and_for_changing_ones() -> None:
    picker = make(20)
    stranger = Bitfield(20, [3])
    assert picker.interesting(stranger)
    assert not picker.interesting(Bitfield(20))
    friend = Bitfield(20, [3])
    picker.joined(friend)
    assert picker.interesting(friend)
    picker.passed(3)
    assert not picker.interesting(friend)
    assert not picker.interesting(stranger)
    friend.add(4)
    picker.gained(4)
    assert picker.interesting(friend)
    friend.discard(4)
    picker.dropped(4)
    assert not picker.interesting(friend)
    picker.left(friend)
    assert isinstance(picker._views, Views)
    assert not picker._views._views


def test_a_block_that_comes_after_it_was_given_up_is_kept() -> None:
    picker = make(1, range(1))
    full = everything(picker)
    picker.pick("a", full, 4, 0.0)
    for block in range(4):
        picker.released(0, block, "a")
    assert [picker.received(0, block, "a").complete for block in range(4)] == [False] * 3 + [True]


def test_who_is_asked_second_steps_in_or_back() -> None:
    picker = make(1, range(1))
    full = everything(picker)
    picker.pick("a", full, 4, 0.0)
    picker.pick("b", full, 4, 0.0)
    picker.released(0, 0, "b")
    picker.released(0, 1, "a")
    picker.released(0, 1, "stranger")
    assert picker.asked("a") == [(0, 0), (0, 2), (0, 3)]
    assert sorted(picker.asked("b")) == [(0, 1), (0, 2), (0, 3)]
    assert picker.received(0, 2, "a").others == ("b",)
    picker.released(0, 1, "b")
    assert picker.pick("c", full, 1, 0.0) == [(0, 1)]


def test_deadlines_are_served_as_far_as_a_peer_can_take_them() -> None:
    picker = make(9, range(9))
    for piece in (5, 6):
        picker.set_deadline(piece, 20.0)
    assert pieces_of(picker.pick("a", everything(picker), BLOCKS, 0.0)) == [5]


def test_peers_may_be_numbers_from_zero() -> None:
    picker = make(1, range(1))
    full = everything(picker)
    assert picker.pick(0, full, 1, 0.0) == [(0, 0)]
    assert picker.pick(1, full, 1, 0.0) == [(0, 1)]
    assert picker._open[0].owner == 0
    picker.forget(0)
    assert picker.pick(1, full, 9, 0.0) == [(0, 0), (0, 2), (0, 3)]
    assert picker._open[0].owner == 1
