"""The picker beside a naive one, which recomputes everything from sets."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.naive_picker import NaivePicker
from torrent.core.bitfield import Bitfield
from torrent.core.errand import MOST_ASKERS, MOST_DUPLICATES, PATIENCE
from torrent.core.picker import LATE, SLOW_MARGIN, URGENT, Picker

if TYPE_CHECKING:
    from collections.abc import Collection

PEERS = st.sampled_from("abcde")


class PickerAndNaivePicker(RuleBasedStateMachine):
    """Whatever happens, the picker asks for nothing that the naive one forbids."""

    @initialize(
        counts=st.lists(st.integers(1, 4), min_size=1, max_size=12),
        max_open=st.integers(1, 6),
        seed=st.integers(0, 99),
        data=st.data(),
    )
    def begin(self, counts: list[int], max_open: int, seed: int, data: st.DataObject) -> None:
        self.naive = NaivePicker(counts)
        self.picker = Picker(counts.__getitem__, len(counts), Random(seed), max_open=max_open)
        self.fields: dict[str, Bitfield] = {}
        self.now = 0.0
        self.fast_at = -100.0
        for peer in "abc":
            self.join(peer, data)

    # The peers.

    @rule(peer=PEERS, data=st.data())
    def join(self, peer: str, data: st.DataObject) -> None:
        if peer not in self.naive.peers:
            full = data.draw(st.booleans())
            pieces = self.naive.pieces
            have = set(pieces) if full else data.draw(st.sets(st.sampled_from(sorted(pieces))))
            self.naive.peers[peer] = have
            self.fields[peer] = Bitfield(len(pieces), have)
            self.picker.joined(self.fields[peer])

    @rule(peer=PEERS)
    def leave(self, peer: str) -> None:
        if self.naive.peers.pop(peer, None) is not None:
            self.picker.left(self.fields.pop(peer))
            self.forget(peer)

    @rule(peer=PEERS, piece=st.integers(0, 11))
    def gain(self, peer: str, piece: int) -> None:
        if peer in self.fields and piece in self.naive.pieces - self.naive.peers[peer]:
            self.naive.peers[peer].add(piece)
            self.fields[peer].add(piece)
            self.picker.gained(piece)

    def drop(self, peer: str, piece: int) -> None:
        if piece in self.naive.peers.get(peer, ()):
            self.naive.peers[peer].discard(piece)
            self.fields[peer].discard(piece)
            self.picker.dropped(piece)

    def forget(self, peer: str) -> None:
        self.picker.forget(peer)
        for asked in self.naive.asked.values():
            asked[:] = [asker for asker in asked if asker != peer]

    # The work.

    @rule(peer=PEERS, count=st.integers(1, 12))
    def pick_slow(self, peer: str, count: int) -> None:
        self.pick(peer, count, fast=False)

    @rule(peer=PEERS, count=st.integers(1, 12))
    def pick_fast(self, peer: str, count: int) -> None:
        self.pick(peer, count, fast=True)

    @rule(
        peer=PEERS,
        count=st.integers(0, 8),
        only=st.none() | st.sets(st.integers(0, 11), max_size=4),
        suggested=st.sets(st.integers(0, 11), max_size=3),
    )
    def pick_some(self, peer: str, count: int, only: set[int] | None, suggested: set[int]) -> None:
        self.pick(peer, count, fast=True, only=only, suggested=suggested)

    def pick(
        self,
        peer: str,
        count: int,
        *,
        fast: bool,
        only: set[int] | None = None,
        suggested: Collection[int] = (),
    ) -> None:
        if peer not in self.fields:
            return
        if fast:
            self.fast_at = self.now
        naive = self.naive
        allowed = naive.peers[peer] & (naive.pieces if only is None else only)
        virgin = not (naive.have or naive.open or naive.checking)
        before = naive.fresh() & allowed
        taken = self.picker.pick(
            peer, self.fields[peer], count, self.now, fast=fast, only=only, suggested=suggested
        )
        assert len(taken) == len(set(taken)) <= count
        begun = list(dict.fromkeys(piece for piece, _ in taken if piece not in naive.open))
        if begun and not (virgin and not self.picker.sequential):
            self.check_order(begun, before, set(suggested))
        duplicates = 0
        for piece, block in taken:
            assert piece in allowed & (naive.open | naive.fresh())
            assert block in naive.blocks(piece)
            assert (piece, block) not in naive.here
            duplicates += self.check_asked(piece, block, peer, fast=fast)
            naive.ask((piece, block), peer, self.now)
            naive.open.add(piece)
        assert duplicates <= MOST_DUPLICATES
        assert len(naive.open) <= max(self.picker.max_open, len(naive.open) - len(begun))
        if len(taken) < count:
            self.check_idle(peer, allowed, fast=fast)

    def check_order(self, begun: list[int], before: set[int], suggested: set[int]) -> None:
        """New pieces are begun in the order of the rules, as far as they are begun."""
        for piece in begun:
            if self.naive.deadlines or suggested:
                return
            assert piece in self.naive.best(before, sequential=self.picker.sequential)
            before = before - {piece}

    def check_asked(self, piece: int, block: int, peer: str, *, fast: bool) -> bool:
        """A block that others are asked for may only be asked for with a reason."""
        asked = self.naive.asked[piece, block]
        if not asked:
            return False
        assert peer not in asked
        assert len(asked) < MOST_ASKERS
        ended = not self.naive.obtainable()
        age = self.now - self.naive.since[piece, block] + 1e-9  # for what sums are rounded by
        ahead = self.naive.deadlines.get(piece, float("inf")) - self.now
        urgent = fast and ahead < URGENT and age >= LATE
        assert ended or urgent or (fast and age >= PATIENCE)
        assert piece not in self.naive.failed or age >= PATIENCE
        return True

    def check_idle(self, peer: str, allowed: set[int], *, fast: bool) -> None:
        """Nothing was left that this peer could have been asked for."""
        full = len(self.naive.open) >= self.picker.max_open
        for piece, _ in self.naive.free():
            ahead = self.naive.deadlines.get(piece, float("inf")) - self.now
            spared = not fast and ahead < SLOW_MARGIN and self.now - self.fast_at < 5
            if piece in allowed and not spared:
                assert full if piece not in self.naive.open else piece in self.naive.failed

    @rule(peer=PEERS, count=st.integers(1, 12))
    def deliver(self, peer: str, count: int) -> None:
        for piece, block in self.picker.asked(peer)[:count]:
            self.check_receipt(piece, block, peer)

    @precondition(lambda self: self.naive.open)
    @rule(data=st.data(), peer=PEERS)
    def receive(self, data: st.DataObject, peer: str) -> None:
        """Some block of an open piece comes, asked for or not."""
        piece = data.draw(st.sampled_from(sorted(self.naive.open)))
        self.check_receipt(piece, data.draw(st.sampled_from(self.naive.blocks(piece))), peer)

    def receive_anything(self, piece: int, block: int, peer: str) -> None:
        if piece in self.naive.pieces and block in self.naive.blocks(piece):
            self.check_receipt(piece, block, peer)

    def check_receipt(self, piece: int, block: int, peer: str) -> None:
        naive = self.naive
        receipt = self.picker.received(piece, block, peer)
        assert receipt.fresh == (piece in naive.open and (piece, block) not in naive.here)
        if not receipt.fresh:
            assert not receipt.complete
            assert not receipt.others
            return
        asked = naive.asked.pop((piece, block), [])
        assert sorted(receipt.others) == sorted({*asked} - {peer})
        naive.here.add((piece, block))
        complete = all((piece, other) in naive.here for other in naive.blocks(piece))
        assert receipt.complete == complete
        if complete:
            naive.open.discard(piece)
            naive.checking.add(piece)

    def release(self, piece: int, block: int, peer: str) -> None:
        if piece in self.naive.pieces and block in self.naive.blocks(piece):
            self.picker.released(piece, block, peer)
            asked = self.naive.asked[piece, block]
            asked[:] = [asker for asker in asked if asker != peer]

    @rule(good=st.booleans(), data=st.data())
    def verify(self, good: bool, data: st.DataObject) -> None:  # noqa: FBT001
        if self.naive.checking:
            piece = data.draw(st.sampled_from(sorted(self.naive.checking)))
            if good:
                self.get(piece)
            else:
                self.naive.drop(piece)
                self.picker.failed(piece)
                self.naive.failed.add(piece)

    def get(self, piece: int) -> None:
        """A piece passes, wherever it came from."""
        if piece in self.naive.pieces:
            self.naive.drop(piece)
            self.picker.passed(piece)
            self.naive.have.add(piece)
            self.naive.failed.discard(piece)
            self.naive.deadlines.pop(piece, None)

    def lose(self, piece: int) -> None:
        if piece in self.naive.have:
            self.picker.lost(piece)
            self.naive.have.discard(piece)

    # The wishes.

    def prefer(self, piece: int, priority: int) -> None:
        if piece in self.naive.pieces:
            self.picker.set_priority(piece, priority)
            self.wish({piece: priority})

    def prefer_all(self, data: st.DataObject) -> None:
        count = len(self.naive.pieces)
        priorities = data.draw(st.lists(st.integers(0, 7), min_size=count, max_size=count))
        self.picker.set_priorities(priorities)
        self.wish(dict(enumerate(priorities)))

    def wish(self, priorities: dict[int, int]) -> None:
        self.naive.priority.update(priorities)
        for piece, priority in priorities.items():
            if not priority and piece in self.naive.open:
                self.naive.drop(piece)

    @rule(
        what=st.sampled_from(
            [
                "drop",
                "forget",
                "receive",
                "release",
                "get",
                "lose",
                "prefer",
                "prefer_all",
                "expect",
                "expect",
                "expect",
                "read_forward",
            ]
        ),
        peer=PEERS,
        piece=st.integers(0, 11),
        block=st.integers(0, 3),
        data=st.data(),
    )
    def happen(self, what: str, peer: str, piece: int, block: int, data: st.DataObject) -> None:
        """Rare things share one rule, so that most steps are work."""
        match what:
            case "drop":
                self.drop(peer, piece)
            case "forget":
                self.forget(peer)
            case "receive":
                self.receive_anything(piece, block, peer)
            case "release":
                self.release(piece, block, peer)
            case "get":
                self.get(piece)
            case "lose":
                self.lose(piece)
            case "prefer":
                self.prefer(piece, data.draw(st.integers(0, 7)))
            case "prefer_all":
                self.prefer_all(data)
            case "expect":
                self.expect(piece, data.draw(st.none() | st.integers(-1, 12)))
            case "read_forward":
                self.picker.sequential = not self.picker.sequential

    def expect(self, piece: int, ahead: int | None) -> None:
        if piece not in self.naive.pieces:
            return
        at = None if ahead is None else self.now + ahead
        self.picker.set_deadline(piece, at)
        if at is None:
            self.naive.deadlines.pop(piece, None)
        else:
            if not self.naive.priority[piece]:
                self.naive.priority[piece] = 7
            if piece not in self.naive.have:
                self.naive.deadlines[piece] = at

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.0, 6.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    # The books.

    @invariant()
    def the_books_agree(self) -> None:
        naive, picker = self.naive, self.picker
        assert set(picker.have) == naive.have
        assert set(picker.open_pieces) == naive.open
        assert picker.wanted_left == len(naive.lacking())
        assert picker.complete == (not naive.lacking())
        assert [picker.availability(piece) for piece in sorted(naive.pieces)] == [
            naive.availability(piece) for piece in sorted(naive.pieces)
        ]
        for piece in naive.pieces:
            assert picker.wants(piece) == (piece in naive.lacking())
            assert picker.priority(piece) == naive.priority[piece]

    @invariant()
    def the_peers_agree(self) -> None:
        for peer, have in self.naive.peers.items():
            assert self.picker.interesting(self.fields[peer]) == bool(have & self.naive.lacking())
            asked = {block for block, askers in self.naive.asked.items() if peer in askers}
            assert set(self.picker.asked(peer)) == asked

    @invariant()
    def the_statistics_agree(self) -> None:
        naive, statistics = self.naive, self.picker.statistics()
        copies = [naive.availability(piece) for piece in naive.pieces]
        free = {piece for piece, _ in naive.free()} & naive.open
        more = sum(count > min(copies) for count in copies) / len(copies)
        assert abs(statistics.copies - min(copies) - more) < 1e-9
        assert statistics.partial == len(free)
        assert (statistics.have, statistics.open) == (len(naive.have), len(naive.open))
        assert statistics.checking == len(naive.checking)
        assert statistics.wanted_left == len(naive.lacking())


PickerAndNaivePicker.TestCase.settings = settings(stateful_step_count=80)
TestPicker = PickerAndNaivePicker.TestCase
