"""Which generations somebody needs: no more than must be, and never too few."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.git_samples import SMALL, generation, oid
from torrent.git.core.manifest import Manifest
from torrent.git.core.needing import asked, first_needed


def line(pushes: int) -> Manifest:
    """A branch that moved on so many times, each push a generation."""
    generations = tuple(generation(n, needs=[n - 1] if n else [], tips=[n]) for n in range(pushes))
    return Manifest(refs={b"refs/heads/main": oid(pushes - 1)}, generations=generations)


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_of_a_line_what_is_new(case: tuple[int, int]) -> None:
    pushes, had = case
    manifest = line(pushes)
    missing = {oid(n) for n in range(had, pushes)}
    assert first_needed(manifest, missing) == had


def test_what_must_be_known() -> None:
    assert asked(SMALL) == {oid(1), oid(2)}
    assert first_needed(Manifest(), ()) == 0


def test_a_ref_that_is_no_tip_needs_everything() -> None:
    manifest = Manifest(refs={b"refs/heads/old": oid(40)}, generations=line(3).generations)
    assert first_needed(manifest, {oid(40)}) == 0
    assert first_needed(manifest, ()) == 3
