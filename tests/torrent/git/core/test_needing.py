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


@st.composite
def histories(draw: st.DrawFn) -> tuple[Manifest, set[bytes]]:
    """Generations that are based on any older ones, refs to any of them, and what is not here."""
    generations, made = [], list[int]()
    for number in range(draw(st.integers(1, 6))):
        needs = draw(st.lists(st.sampled_from(made), unique=True)) if made else []
        tips = range(10 * number, 10 * number + draw(st.integers(1, 3)))
        generations.append(generation(number, needs=needs, tips=list(tips)))
        made += tips
    tips = draw(st.lists(st.sampled_from([*made, 99]), unique=True))
    refs = {b"refs/heads/%d" % tip: oid(tip) for tip in tips}
    missing = draw(st.sets(st.sampled_from([*made, 99])))
    return Manifest(refs=refs, generations=tuple(generations)), set(map(oid, missing))


@given(histories())
def test_no_more_than_must_be_and_never_too_few(case: tuple[Manifest, set[bytes]]) -> None:
    """The oracle tries every number of young generations, from none to all."""
    manifest, missing = case
    for first in range(len(manifest.generations), 0, -1):
        young = manifest.generations[first:]
        brought = {tip for each in young for tip in each.tips}
        based = {oid for each in young for oid in each.prerequisites}
        if (manifest.tips | based) & missing <= brought:
            break
    else:
        first = 0
    assert first_needed(manifest, missing) == first
