"""Transactions: which answer belongs to which call (BEP 5's ``t``).

An answer is believed only if it comes from the address that was asked and repeats a number that
only that address was told. Four random bytes: someone who cannot see our packets has to guess
one in four billion within the seconds that a call lives, from a forged address.

A transaction lives until its answer comes or the core forgets the call. The core always does, so
the bound below is only reached if that fails; the oldest then make room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dht.mainline.compact import pack_address

if TYPE_CHECKING:
    from random import Random

    from dht.core.messages import Request
    from dht.mainline.compact import Address

SIZE: Final = 4
MAX_OPEN: Final = 16_384
"""More calls than a node makes in the ten seconds that the core remembers one, at full speed."""


class Transactions:
    """The calls that wait for an answer."""

    __slots__ = ("_calls", "_open", "_rng")

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._open: dict[bytes, tuple[int, bytes, Request]] = {}
        self._calls: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, call: int, to: bytes, request: Request) -> bytes:
        """Open a transaction with the compact address ``to`` and return its number."""
        if len(self._open) >= MAX_OPEN:
            self.forget(next(iter(self._calls)))
        number = self._draw()
        while number in self._open:
            number = self._draw()
        self._open[number] = (call, to, request)
        self._calls[call] = number
        return number

    def _draw(self) -> bytes:
        """A number nobody can foresee, if the generator is worth anything."""
        return self._rng.getrandbits(8 * SIZE).to_bytes(SIZE, "big")

    def end(self, number: object, source: Address) -> tuple[int, Request] | None:
        """Close the transaction that an answer from ``source`` names.

        ``None`` if there is none, or if somebody else was asked; it then stays open.
        """
        found = self._open.get(number) if type(number) is bytes else None
        if found is None or found[1] != pack_address(source):
            return None
        call, _, request = found
        self.forget(call)
        return call, request

    def forget(self, call: int) -> None:
        """Close the transaction of ``call``, if it is open."""
        number = self._calls.pop(call, None)
        if number is not None:
            del self._open[number]
