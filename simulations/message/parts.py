"""How the parts of the kernel are compiled: without a door of their own for Python.

numba gives every function a wrapper that takes a Python object apart into machine values. For a
world of thirty arrays that wrapper is longer than most functions here, and compiling it takes as
long; only a handful of functions are ever called from Python. Those say ``@compiled``.

What takes long as well is depth: a function is optimised together with everything it calls. So
what many parts want done (drive an operation) is not called by them but left for the loop to do:
see :func:`simulations.message.operations.begin`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

from simulations.compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_R = TypeVar("_R")


def part(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile ``function`` for other kernels to call."""
    return compiled(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)
