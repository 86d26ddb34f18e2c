"""How the kernels of a swarm are compiled: :mod:`simulations.compiled` with two more promises.

A kernel here allocates nothing, so numba need not count references: the counting, by locked
instructions, made a run take twice as long. And most kernels are called by kernels alone: without
the wrappers that take arrays from Python, they are compiled in half the time.

To hand on a swarm is to copy the seventy words that describe its arrays. What every transfer goes
through is therefore built into its caller (:func:`often`), which made a run take half as long; what
is rare, or called from many places, is not, since compiling would take twice as long.

numba keeps machine code by the file of the kernel that Python calls; whoever changes an inner one
removes ``__pycache__``, or tests what was compiled before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

from simulations.compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile what Python calls."""
    return compiled(function, _nrt=False)


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """Compile what only kernels call."""
    return compiled(function, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def often(function: Callable[P, R]) -> Callable[P, R]:
    """Compile what only kernels call, again in each that does, so that nothing is handed on."""
    return compiled(
        function, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True
    )
