"""How the parts of the kernel are compiled: without a door of their own for Python.

numba gives every function a wrapper that takes a Python object apart into machine values. For a
world of thirty arrays that wrapper is longer than most functions here, and compiling it takes as
long; only a handful of functions are ever called from Python. Those say ``@compiled``.

What takes long as well is depth: a function is optimised together with everything it calls. So
what many parts want done (drive an operation) is not called by them but left for the loop to do:
see :func:`simulations.message.operations.begin`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from simulations.compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_R = TypeVar("_R")


def part(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile ``function`` for other kernels to call."""
    return compiled(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def number(value: int) -> int:
    """A constant that kernels hand each other.

    A plain ``0`` is a type of its own to numba, and whatever it is handed to would be compiled
    again for it; numpy's integers are all of one type.
    """
    return np.int64(value)  # type: ignore[return-value]


@part
def whole(value: Any) -> int:
    """Widen an integer that is kept in fewer bits: to numba each width is another type."""
    return np.int64(value)  # type: ignore[return-value]
