"""Several words side by side: the one place where a kernel is written in the compiler's own terms.

To count which pieces neighbours have (:mod:`simulations.swarm.bits`) is half of what a transfer
costs, and processors can do it for several words at once; but numba's compiler does not see that
the rows it reads are not those it writes, and goes word by word. So :func:`count` says it: to plain
Python it is the loop that it means, to the compiler the same loop over vectors of :data:`LANES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from simulations.compiled import extending, numba
from simulations.swarm.arrays import LANES, PLANES, SEVEN, Array

if TYPE_CHECKING:
    from collections.abc import Callable

_NONE: Final = np.uint64(0)


def adder(a: Any, b: Any, c: Any) -> tuple[Any, Any]:
    """Add three bits, as often as the numbers have bits: sum and carry."""
    half = a ^ b
    return half ^ c, (a & b) | (half & c)


def _add_seven(planes: list[Any], rows: list[Any]) -> list[Any]:
    """Add seven neighbours' bits to counts: four full adders make three bits of them first."""
    s, c = adder(*rows[:3])
    t, d = adder(*rows[3:6])
    s, e = adder(s, t, rows[6])
    t, fours = adder(c, d, e)
    p0, carry = planes[0] ^ s, planes[0] & s
    p1, carry = adder(planes[1], t, carry)
    p2, carry = adder(planes[2], fours, carry)
    p3, carry = planes[3] ^ carry, planes[3] & carry
    p4, carry = planes[4] ^ carry, planes[4] & carry
    return [p0, p1, p2, p3, p4, planes[5] ^ carry]


def count(have: Array, near: Array, found: int, w: int) -> None:
    """The counts of the pieces of ``LANES`` words from ``w`` on, a bit of all into each plane.

    ``near`` ends in peers that have nothing, so that seven always divides. Bit i of the counts goes
    into the i-th of the last rows but one of ``have``.
    """
    top = have.shape[0] - PLANES - 1
    for lane in range(w, w + LANES):
        planes: list[Any] = [_NONE] * PLANES
        for j in range(0, found, SEVEN):
            planes = _add_seven(planes, [have[near[j + i], lane] for i in range(SEVEN)])
        for i in range(PLANES):
            have[top + i, lane] = planes[i]


def ones(word: Any) -> int:
    """How many bits of ``word`` (a uint64) are set: an instruction that numba has no name for."""
    return int(word).bit_count()


class _Bits:
    """A vector of the compiler's, with the operators of Python, so that one text means both."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def __xor__(self, other: _Bits) -> _Bits:
        return _Bits(self.builder, self.builder.xor(self.value, other.value))

    def __and__(self, other: _Bits) -> _Bits:
        return _Bits(self.builder, self.builder.and_(self.value, other.value))

    def __or__(self, other: _Bits) -> _Bits:
        return _Bits(self.builder, self.builder.or_(self.value, other.value))


@extending.intrinsic  # type: ignore[untyped-decorator]
def _count(_context: Any, have: Any, near: Any, found: Any, w: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        cgutils, ir = numba.core.cgutils, numba.core.cgutils.ir
        vector, word = ir.VectorType(ir.IntType(64), LANES), ir.IntType(64)
        held, known = (
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args[:2], arguments, strict=False)
        )
        peers, words = cgutils.unpack_tuple(builder, held.shape)

        def row(number: Any) -> Any:
            place = builder.add(builder.mul(number, words), arguments[3])
            return builder.bitcast(builder.gep(held.data, [place]), vector.as_pointer())

        def bits_of(j: Any, i: int) -> _Bits:
            place = builder.gep(known.data, [builder.add(j, ir.Constant(word, i))])
            number = builder.sext(builder.load(place), word)
            return _Bits(builder, builder.load(row(number), align=8))

        empty = ir.Constant(vector, [0] * LANES)
        planes = [cgutils.alloca_once_value(builder, empty) for _ in range(PLANES)]
        first, step = ir.Constant(word, 0), ir.Constant(word, SEVEN)
        with cgutils.for_range_slice(builder, first, arguments[2], step) as (j, _):
            before = [_Bits(builder, builder.load(plane)) for plane in planes]
            after = _add_seven(before, [bits_of(j, i) for i in range(SEVEN)])
            for plane, bits in zip(planes, after, strict=True):
                builder.store(bits.value, plane)
        for i, plane in enumerate(planes):
            number = builder.sub(peers, ir.Constant(word, PLANES + 1 - i))
            builder.store(builder.load(plane), row(number), align=8)
        return context.get_dummy_value()

    whole = numba.types.int64
    return numba.types.void(have, near, whole, whole), generate


@extending.overload(count, jit_options={"cache": True})  # type: ignore[untyped-decorator]
def _compiled_count(have: Any, near: Any, found: Any, w: Any) -> Callable[..., None]:
    def counted(have: Any, near: Any, found: Any, w: Any) -> None:
        _count(have, near, found, w)

    return counted


@extending.intrinsic  # type: ignore[untyped-decorator]
def _ones(_context: Any, word: Any) -> Any:
    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return numba.types.int64(numba.types.uint64), generate


@extending.overload(ones, jit_options={"cache": True})  # type: ignore[untyped-decorator]
def _compiled_ones(word: Any) -> Callable[[Any], int]:
    def counted(word: Any) -> int:
        return _ones(word)  # type: ignore[no-any-return]

    return counted
