"""One door to numba: what the kernels of the simulator are compiled with.

numba turns a function over arrays and numbers into machine code at its first call and keeps that on
disk, so the next process starts at once. Measured on the lookup kernel, C (gcc -O3) was no faster,
so the simulator ships no C and needs no compiler.

The rules kernels keep, so that this stays true:

* they are functions of their arguments: no globals that change, no ``get_num_threads()`` (both
  would switch the cache off), no chance but :mod:`simulations.dice`;
* integers of one kernel are of one sign: numba, like numpy, makes a float of ``uint64 + int64``.
  Ids and distances are ``uint64``; places, counts and levels are ``int64``;
* parallel loops run over *chunks* whose number depends on the work and not on the machine, and
  chunks share nothing, so that neither the number of threads nor who takes which chunk
  (:func:`take`) can change a result.

**Code on disk.** numba keeps it by the file of the kernel that Python calls, and would not see that
another kernel, or a constant, that went into it was changed in another file. So what is kept here
is stamped with the state of all files that kernels are made of (:data:`SOURCES`).

numba and numpy live in the extra ``sim``; the node needs neither.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from simulations.errors import MissingExtra

try:
    # Its types describe a part of it only, and change with each release.
    numba: Any = import_module("numba")
    extending: Any = import_module("numba.extending")
except ImportError as error:  # pragma: no cover - the tests run with the extra
    raise MissingExtra("numba") from error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

P = ParamSpec("P")
R = TypeVar("R")

_HOME: Final = Path(__file__).parent
_FAMILIES: Final = (".", "lookup", "message", "swarm", "../dht/core")
"""Where kernels live, and where their constants come from."""


def stamp(folders: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    """The state of the sources in ``folders``: of each its name, when it was changed, its size."""
    files = (path for folder in folders for path in sorted(folder.glob("*.py")))
    return tuple((path.name, (of := path.stat()).st_mtime_ns, of.st_size) for path in files)


SOURCES: Final = stamp(_HOME / folder for folder in _FAMILIES)

WORKERS: Final = 64
"""Turns of a loop that is shared by :func:`take`: more than there are threads."""

prange = numba.prange
"""A range whose turns may run side by side, in a :func:`parallel` kernel."""


def compiled(function: Callable[P, R], **options: Any) -> Callable[P, R]:
    """Compile ``function`` at its first call for each set of argument types, and keep the code.

    Division by zero gives infinity, as in numpy: the check would cost a branch each time. Options
    are numba's. Not to be used: ``inline="always"`` (compiles four times slower) and ``fastmath``
    (results would depend on the processor). ``kernel.py_func`` is the function itself, for tests.
    """
    manner = {"cache": True, "nogil": True, "error_model": "numpy"} | options
    kernel: Any = numba.njit(**manner)(function)
    index = getattr(getattr(kernel, "_cache", None), "_cache_file", None)
    if index is not None:  # A private name: a test says when it is gone.
        index._source_stamp = (index._source_stamp, SOURCES)  # noqa: SLF001
    made: Callable[P, R] = kernel
    return made


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """Compile what only kernels call.

    Without the wrappers that take arrays from Python it is compiled in half the time.
    """
    return compiled(function, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def parallel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile ``function`` so that its ``prange`` loops use all threads."""
    return compiled(function, parallel=True)


def use_threads(count: int) -> None:
    """Let parallel kernels that are called from here on use ``count`` threads, if there are."""
    numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))


def bit_length(value: Any) -> int:
    """How many bits ``value`` (a uint64) needs, as ``int.bit_length`` says.

    A processor has an instruction for this and numba no name for it; in plain Python, where the
    tests run kernels, it is this.
    """
    return int(value).bit_length()


def prefetch(rows: Any, first: int, second: int) -> None:
    """Say that the row ``rows[first, second]`` will be read soon: means nothing to plain Python.

    A row of a table of a gigabyte is in no cache, and to wait for it costs as much as a hundred
    steps. A walk knows whom it asks one round trip before it reads the answer.
    """


def fetch(records: Any, *where: int) -> None:
    """Say that ``records[where]`` will be read soon: means nothing to plain Python.

    A step of a swarm reads four records for each connection that something comes on, each of which
    names the next: who says which they are some turns ahead waits for none of them.
    """


def take(turns: Any) -> int:
    """Take the next number, from 0 on; ``turns`` (int64[1]) counts for all threads together.

    Loops of numba's are cut into equal parts, one for each thread, and end with the slowest: on a
    machine that does something else as well that is half of it. Threads that take chunk after chunk
    end together.
    """
    number = int(turns[0])
    turns[0] += 1
    return number


@extending.intrinsic  # type: ignore[untyped-decorator]
def _add_one(_context: Any, array: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        one = numba.core.cgutils.ir.Constant(numba.core.cgutils.ir.IntType(64), 1)
        return builder.atomic_rmw("add", view.data, one, "monotonic")

    return numba.types.int64(array), generate


@extending.intrinsic  # type: ignore[untyped-decorator]
def _leading_zeros(_context: Any, value: Any) -> Any:
    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], numba.core.cgutils.false_bit)

    return numba.types.int64(numba.types.uint64), generate


@extending.intrinsic  # type: ignore[untyped-decorator]
def _prefetch(_context: Any, array: Any, place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        cgutils, ir = numba.core.cgutils, numba.core.cgutils.ir
        kind = signature.args[0]
        view = context.make_array(kind)(context, builder, arguments[0])
        place = cgutils.unpack_tuple(builder, arguments[1])
        where = cgutils.get_item_pointer(context, builder, kind, view, place)
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        shape = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        door = cgutils.get_or_insert_function(builder.module, shape, "llvm.prefetch.p0")
        # To be read (0), once and soon (1), as data (1).
        manner = [ir.Constant(word, number) for number in (0, 1, 1)]
        builder.call(door, [builder.bitcast(where, byte), *manner])
        return context.get_dummy_value()

    return numba.types.void(array, numba.types.UniTuple(numba.types.intp, array.ndim)), generate


@extending.overload(bit_length, jit_options={"cache": True})  # type: ignore[untyped-decorator]
def _compiled_bit_length(value: Any) -> Callable[[Any], int]:
    def bits(value: Any) -> int:
        return 64 - _leading_zeros(value)  # type: ignore[no-any-return]

    return bits


@extending.overload(take, jit_options={"cache": True})  # type: ignore[untyped-decorator]
def _compiled_take(turns: Any) -> Callable[[Any], int]:
    def taken(turns: Any) -> int:
        return _add_one(turns)  # type: ignore[no-any-return]

    return taken


@extending.overload(prefetch, jit_options={"cache": True})  # type: ignore[untyped-decorator]
def _compiled_prefetch(rows: Any, first: Any, second: Any) -> Callable[[Any, Any, Any], None]:
    def fetch(rows: Any, first: Any, second: Any) -> None:
        _prefetch(rows, (first, second, 0))
        _prefetch(rows, (first, second, rows.shape[2] - 1))

    return fetch


@extending.overload(fetch, jit_options={"cache": True})  # type: ignore[untyped-decorator]
def _compiled_fetch(records: Any, *where: Any) -> Callable[..., None]:
    def fetch(records: Any, *where: Any) -> None:
        _prefetch(records, where)

    return fetch
