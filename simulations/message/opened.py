"""A world as kernels hand it to each other: one pointer instead of thirty arrays.

numba passes a tuple by its members. Thirty arrays are two hundred machine words: written and read
again at every call that is not inlined, and typed again for every function. So the entry points
take the tuple that Python made, and open it: all arrays go into one structure on the heap, of
which kernels hand on the address. Its fields have the tuple's names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numba import types
from numba.experimental import structref

from simulations.message.parts import part
from simulations.message.state import World

if TYPE_CHECKING:
    from collections.abc import Sequence


@structref.register
class OpenedType(types.StructRef):
    """The type of an opened world, as numba knows it."""

    def preprocess_fields(self, fields: Sequence[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
        """Types of values, not of literals."""
        return tuple((name, types.unliteral(kind)) for name, kind in fields)  # type: ignore[no-untyped-call]


class Opened(structref.StructRefProxy):
    """An opened world; never seen by Python."""

    def __new__(cls, *fields: Any) -> Any:
        """Put the fields of a world into one structure."""
        return structref.StructRefProxy.__new__(cls, *fields)  # type: ignore[no-untyped-call]


structref.define_constructor(Opened, OpenedType, list(World._fields))  # type: ignore[no-untyped-call]


@part
def opened(w: World) -> World:
    """``w`` as one pointer."""
    return Opened(*w)  # type: ignore[no-any-return]
