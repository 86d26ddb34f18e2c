"""Chance: one root, streams by name, nothing shared between them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.chance import Chance

STEPS = st.one_of(st.text(max_size=6), st.integers())
PATHS = st.lists(STEPS, max_size=4).map(tuple)


def test_the_same_path_is_the_same_stream() -> None:
    one, other = Chance(7), Chance(7)
    assert one.stream("churn", 3) == other.stream("churn", 3)
    assert one.stream("churn", 3).word() == other.stream("churn", 3).word()
    assert hash(one.stream("churn")) == hash(other.stream("churn"))


def test_who_asked_before_changes_nothing() -> None:
    quiet, busy = Chance(7), Chance(7)
    busy.stream("a").generator().random(100)
    busy.word()
    assert quiet.stream("b").random().random() == busy.stream("b").random().random()


@given(first=PATHS, second=PATHS)
def test_different_paths_are_different_streams(
    first: tuple[str | int, ...], second: tuple[str | int, ...]
) -> None:
    same = [(type(step), step) for step in first] == [(type(step), step) for step in second]
    root = Chance(1)
    assert (root.stream(*first) == root.stream(*second)) is same
    assert (root.stream(*first).word() == root.stream(*second).word()) is same


@given(path=PATHS)
def test_a_path_may_be_walked_in_steps(path: tuple[str | int, ...]) -> None:
    walked = Chance(3)
    for step in path:
        walked = walked.stream(step)
    assert walked == Chance(3).stream(*path)


def test_a_number_and_its_digits_are_two_names() -> None:
    assert Chance(0).stream(3) != Chance(0).stream("3")


def test_roots_are_worlds_of_their_own() -> None:
    words = {Chance(root).stream("x").word() for root in range(1000)}
    assert len(words) == 1000


def test_generators_begin_anew_each_time_they_are_asked_for() -> None:
    chance = Chance(5).stream("traffic")
    assert chance.random().random() == chance.random().random()
    assert np.array_equal(chance.generator().random(8), chance.generator().random(8))


def test_the_two_generators_of_a_stream_and_its_word_differ() -> None:
    chance = Chance(5)
    first = chance.generator().integers(0, 2**64, dtype=np.uint64, size=4).tolist()
    second = [chance.random().getrandbits(64) for _ in range(4)]
    assert not {*first} & {*second, chance.word()}


def test_words_have_64_bits() -> None:
    words = [Chance(1).stream(i).word() for i in range(200)]
    assert max(words) > 2**63
    assert all(0 <= word < 2**64 for word in words)


def test_draws_of_neighbouring_streams_look_independent() -> None:
    draws = np.array([Chance(2).stream("node", i).generator().random(64) for i in range(500)])
    assert abs(draws.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]) < 0.15


@pytest.mark.parametrize("hash_seed", ["0", "42"])
def test_another_process_draws_the_same(hash_seed: str) -> None:
    program = "from simulations.chance import Chance; print(Chance(9).stream('a', 1).word())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) == Chance(9).stream("a", 1).word()


def test_numbers_that_hold_for_good() -> None:
    """Results in files name their seed; a change here would make them liars."""
    assert Chance(1).word() == 10213161895676746346
    assert Chance(1).stream("churn", 3).random().random() == 0.3979149208713386


def test_it_says_what_it_is_and_equals_nothing_else() -> None:
    assert "of root 4" in repr(Chance(4).stream("x"))
    assert Chance(4) != 4
