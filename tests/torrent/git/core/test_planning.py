"""Which generations stay, against the stupid oracle; and what that means over many pushes."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from torrent.git.core.planning import FACTOR, staying

COUNTS = st.lists(st.integers(1, 1000), max_size=12)


def fits(counts: list[int], keep: int) -> bool:
    """Whether, with all but the ``keep`` oldest merged, each has twice what all younger have."""
    merged = [*counts[:keep], sum(counts[keep:])]
    return all(merged[n] >= FACTOR * sum(merged[n + 1 :]) for n in range(len(merged)))


@given(COUNTS)
def test_as_many_stay_as_can(counts: list[int]) -> None:
    possible = [keep for keep in range(len(counts) + 1) if fits(counts, keep)]
    keep = staying(counts)
    # With one less kept than there are, the youngest is "merged" alone: it is the same.
    assert keep in possible
    assert not [more for more in possible if more > keep and more != len(counts)] or keep == len(
        counts
    )


@given(COUNTS)
def test_much_waste_is_packed_anew(counts: list[int]) -> None:
    assert staying(counts, sum(counts) // 10 + 1) == 0
    assert staying(counts, sum(counts) // 10) == staying(counts)


def test_examples() -> None:
    assert staying([]) == 0
    assert staying([5]) == 1
    assert staying([100, 50]) == 2
    assert staying([100, 40, 20]) == 0
    assert staying([100, 30, 20]) == 1


def test_many_pushes_make_few_packs_and_little_work() -> None:
    rng, counts, packed, pushed = Random(1), [], 0, 0
    for _ in range(2000):
        fresh = rng.choice((1, 3, 10, 100))
        keep = staying(counts)
        if keep < len(counts):
            packed += sum(counts[keep:])
            counts = [*counts[:keep], sum(counts[keep:])]
        counts.append(fresh)
        pushed += fresh
        assert len(counts) <= 12
        assert sum(counts) == pushed
    assert packed < 12 * pushed
