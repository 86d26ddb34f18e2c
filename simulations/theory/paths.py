"""V4: the chance that one of several disjoint paths is clean (Baumgart & Mies 2007, S/Kademlia)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def clean_path(hostile: float, paths: int, between: Sequence[float]) -> float:
    """The chance that a lookup along ``paths`` disjoint paths arrives.

    A path arrives if no node between source and target is hostile: ``(1 - f)**h`` for h of them.

    Args:
        hostile: The share f of all nodes that swallow what passes.
        paths: How many paths, taken as independent. They are not quite: who serves one path
            cannot serve another, so at a high share and many paths this is an upper bound.
        between: The chances of 0, 1, 2 ... nodes between source and target.
    """
    return sum(
        chance * (1 - (1 - (1 - hostile) ** nodes) ** paths) for nodes, chance in enumerate(between)
    )
