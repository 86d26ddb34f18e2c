"""The door to numba: how kernels are compiled.

Kernels stand in modules of their own and import this. numba has no types, so the wrapper gives a
kernel the type of the function it was made of; ``kernel.py_func`` is that function, for tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from simulations.errors import MissingExtra

try:
    from numba import njit
except ImportError as error:
    raise MissingExtra("numba") from error

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_R = TypeVar("_R")


def compiled(function: Callable[_P, _R], **options: Any) -> Callable[_P, _R]:
    """Compile ``function`` at its first call; the machine code is kept beside it for the next run.

    Options are numba's. Not to be used: ``inline="always"`` (compiles four times slower), and
    ``get_num_threads()`` inside a kernel (nothing is kept then); ``fastmath`` (results would
    depend on the processor).
    """
    kernel: Callable[_P, _R] = njit(cache=True, **options)(function)
    return kernel
