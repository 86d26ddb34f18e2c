"""What a run has seen: tidy columns, the same at every fidelity.

One row is one observation: a lookup, a transfer, or a sample of the whole network at a moment. The
columns that each kind has are a *schema*; lookups have :data:`LOOKUPS`, whichever engine ran them.
An experiment adds columns of its own. What names a run (seed, sweep point) is no column here: the
files add it, once for all rows of a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    Column: TypeAlias = NDArray[Any]


class Kind(IntEnum):
    """What a row of :data:`LOOKUPS` was for."""

    LOOKUP = 0
    """The k closest nodes to a key were sought."""
    GET = 1
    """A record or its providers were sought."""
    PUT = 2
    """A record was stored, or stored again."""
    REFRESH = 3
    """A bucket was refreshed: a lookup made for the table."""
    JOIN = 4
    """A node sought its own key to be known."""


LOOKUPS: Final[dict[str, str]] = {
    "time_s": "f8",
    "source": "u4",
    "kind": "u1",
    "success": "?",
    "found_closest": "f4",
    "hops": "u2",
    "requests": "u2",
    "timeouts": "u2",
    "latency_s": "f8",
}
"""The columns of lookups, and numpy's names of their types.

=================  =================================================================================
``time_s``         when it began: seconds of the virtual clock
``source``         the node that made it, by its number
``kind``           what for: :class:`Kind`
``success``        it did what it was for: the value was found, or the true closest node
``found_closest``  the share of the k nodes closest to the key, among those alive as it ended, that
                   it found
``hops``           how far the closest node it found was from the source: 1 if it was in its table
``requests``       messages sent, retries and those in vain included
``timeouts``       requests that were never answered in time
``latency_s``      seconds from beginning to end
=================  =================================================================================
"""


class Rows(Mapping[str, "Column"]):
    """Columns of one length, by name, in a fixed order."""

    __slots__ = ("_columns", "count")

    def __init__(self, columns: Mapping[str, ArrayLike]) -> None:
        """Take columns; those of :data:`LOOKUPS` become of their type.

        Raises:
            ValueError: They differ in length, or one is not a row of scalars.
        """
        self._columns = {name: _column(name, values) for name, values in columns.items()}
        lengths = {name: len(column) for name, column in self._columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns differ in length: {lengths}")
        self.count = next(iter(lengths.values()), 0)

    @classmethod
    def joined(cls, parts: Iterable[Rows]) -> Rows:
        """The rows of all ``parts``, one after the other.

        Raises:
            ValueError: They have different columns.
        """
        kept = list(parts)
        names = list(kept[0]) if kept else []
        if any(list(part) != names for part in kept):
            raise ValueError(f"columns differ: {[list(part) for part in kept]}")
        return cls({name: np.concatenate([part[name] for part in kept]) for name in names})

    def where(self, mask: Column) -> Rows:
        """The rows at which ``mask`` is true (or those it numbers)."""
        return Rows({name: column[mask] for name, column in self._columns.items()})

    def having(self, **columns: ArrayLike) -> Rows:
        """These rows with more columns; a single value stands in every row."""
        more = {name: np.broadcast_to(values, self.count) for name, values in columns.items()}
        return Rows({**self._columns, **more})

    def sorted(self, *names: str) -> Rows:
        """In the order of these columns, the first weighing most; ties stay as they are."""
        keys: Sequence[Column] = [self._columns[name] for name in reversed(names)]
        return self.where(np.lexsort(keys))

    def __getitem__(self, name: str) -> Column:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        """How many columns, as of any mapping; ``count`` says how many rows."""
        return len(self._columns)

    def __repr__(self) -> str:
        return f"<Rows: {self.count} of {', '.join(self._columns)}>"


def _column(name: str, values: ArrayLike) -> Column:
    column = np.ascontiguousarray(values, dtype=LOOKUPS.get(name))
    if column.ndim != 1:
        raise ValueError(f"column {name!r} has {column.ndim} dimensions, not 1")
    return column
