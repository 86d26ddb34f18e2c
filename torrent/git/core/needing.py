"""Which generations somebody needs who has some history already."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torrent.git.core.manifest import Manifest


def asked(manifest: Manifest) -> set[bytes]:
    """The objects of which :func:`first_needed` must know whether they are here."""
    edges = (oid for each in manifest.generations for oid in each.prerequisites)
    return set(manifest.tips).union(edges)


def first_needed(manifest: Manifest, missing: Iterable[bytes]) -> int:
    """The index of the oldest generation that is needed; their number, if none is.

    From the youngest on, as long as something is missing: what a ref leads to, or what a younger
    generation is based on. It goes by what is *present*, which need not be connected; so who
    fetches by it checks that at the end, and fetches everything if it was wrong.

    Args:
        manifest: Of the version to be had.
        missing: Which of :func:`asked` are not here.
    """
    absent = frozenset(missing)
    wanted = set(manifest.tips & absent)
    for number in range(len(manifest.generations), 0, -1):
        if not wanted:
            return number
        generation = manifest.generations[number - 1]
        wanted -= set(generation.tips)
        wanted |= absent.intersection(generation.prerequisites)
    return 0
