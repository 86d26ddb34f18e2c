"""dht.mainline.transactions: which answer belongs to which call."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.core.messages import FindNode, Ping
from dht.mainline import transactions
from dht.mainline.compact import pack_address
from dht.mainline.transactions import SIZE, Transactions

HERE, THERE = ("1.2.3.4", 5), ("1.2.3.4", 6)


class Dice(Random):
    """Falls as told."""

    def __init__(self, *throws: int) -> None:
        super().__init__(0)
        self.throws = list(throws)

    def getrandbits(self, k: int) -> int:
        return self.throws.pop(0)


def test_an_answer_ends_its_transaction_once() -> None:
    open_ = Transactions(Random(1))
    number = open_.begin(7, pack_address(HERE), Ping())
    assert len(number) == SIZE
    assert open_.end(number, HERE) == (7, Ping())
    assert open_.end(number, HERE) is None
    assert len(open_) == 0


def test_an_answer_from_elsewhere_ends_nothing() -> None:
    open_ = Transactions(Random(1))
    number = open_.begin(7, pack_address(HERE), Ping())
    assert open_.end(number, THERE) is None
    assert open_.end(number, ("4.3.2.1", 5)) is None
    assert open_.end(number, HERE) == (7, Ping())


@pytest.mark.parametrize("number", [None, 5, b"", b"\0\0\0\0", [b"x"], {}])
def test_numbers_never_given_out(number: object) -> None:
    open_ = Transactions(Random(1))
    open_.begin(7, pack_address(HERE), Ping())
    assert open_.end(number, HERE) is None


def test_a_forgotten_call_is_not_answered() -> None:
    open_ = Transactions(Random(1))
    number = open_.begin(7, pack_address(HERE), Ping())
    open_.forget(7)
    open_.forget(7)
    open_.forget(99)
    assert open_.end(number, HERE) is None


def test_a_number_in_use_is_not_given_out_twice() -> None:
    open_ = Transactions(Dice(5, 5, 5, 6))
    one = open_.begin(1, pack_address(HERE), Ping())
    two = open_.begin(2, pack_address(HERE), FindNode(1))
    assert one != two
    assert open_.end(one, HERE) == (1, Ping())
    assert open_.end(two, HERE) == (2, FindNode(1))


def test_the_oldest_makes_room_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "MAX_OPEN", 10)
    open_ = Transactions(Random(1))
    numbers = [open_.begin(i, pack_address(HERE), Ping()) for i in range(15)]
    assert len(open_) == 10
    assert [open_.end(n, HERE) is not None for n in numbers] == [False] * 5 + [True] * 10


@given(st.lists(st.tuples(st.sampled_from("bef"), st.integers(0, 9)), max_size=60))
def test_equals_a_plain_dictionary(steps: list[tuple[str, int]]) -> None:
    open_, model, numbers = Transactions(Random(4)), {}, {}
    for verb, call in steps:
        if verb == "b" and call not in model:
            numbers[call] = open_.begin(call, pack_address(HERE), FindNode(call))
            model[call] = FindNode(call)
        elif verb == "e" and call in numbers:
            request = model.pop(call, None)
            expected = None if request is None else (call, request)
            assert open_.end(numbers[call], HERE) == expected
        elif verb == "f":
            open_.forget(call)
            model.pop(call, None)
        assert len(open_) == len(model)
