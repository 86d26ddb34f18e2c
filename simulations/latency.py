"""How long messages take, which are lost, and who can be reached at all.

**Delays** are one-way, in seconds; a round trip is two of them. A model is chosen without knowing
how many nodes there will be; :meth:`Latency.place` then gives each node its place. The chance of
one message comes in from outside as ``u``, uniform in [0, 1): so the model has no state, and who
wants a pair of nodes to be equally far from each other all the time derives ``u`` from the pair.

**Loss** is the share of messages that vanish, each by itself. A request is answered if both ways
hold: ``(1 - loss)**2``.

**NATs** are a predicate. A node behind one can send to everybody; what comes in must pass
:func:`reaches`:

==============  ================================================================================
``PUBLIC``      hears everybody
``RESTRICTED``  hears those it has sent something to lately (a table of the router)
``SYMMETRIC``   as restricted, and its port looks different to each, so that it and another one
                behind a NAT never find each other
==============  ================================================================================

Compiled kernels get :meth:`Latency.code` and call :func:`latency_delay`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from simulations.compiled import compiled
from simulations.errors import ConfigError
from simulations.laws import positive
from simulations.normal import normal_quantile

if TYPE_CHECKING:
    from numpy.random import Generator

Places: TypeAlias = NDArray[np.float32]

CONSTANT: Final = 0
LOG_NORMAL: Final = 1
PLANE: Final = 2
MATRIX: Final = 3


def _nowhere() -> Places:
    return np.zeros((0, 2), np.float32)


@dataclass(frozen=True)
class Latency(ABC):
    """A model of one-way delays."""

    name: ClassVar[str]

    def place(self, nodes: int, rng: Generator) -> Latency:
        """The same model, with a place for each of ``nodes`` nodes."""
        return self

    def delay(self, a: int, b: int, u: float) -> float:
        """Seconds that a message from node ``a`` to node ``b`` travels, by the chance ``u``."""
        return latency_delay(*self.code(), a, b, u)

    @abstractmethod
    def code(self) -> tuple[int, float, float, Places]:
        """The model as :func:`latency_delay` takes it: ``(kind, a, b, places)``."""


@dataclass(frozen=True)
class Constant(Latency):
    """Every message takes ``seconds``: what closed forms and comparisons assume."""

    seconds: float = 0.05
    name: ClassVar[str] = "constant"

    def __post_init__(self) -> None:
        positive("seconds of the constant latency", self.seconds)

    def code(self) -> tuple[int, float, float, Places]:
        """The delay."""
        return CONSTANT, self.seconds, 0.0, _nowhere()


@dataclass(frozen=True)
class LogNormal(Latency):
    """The logarithm of a delay is normal. No message takes less than 0.1 ms.

    Attributes:
        median: Seconds that half of all messages exceed.
        sigma: Deviation of the logarithm: 0.5 is what round trips of the Mainline network show.
    """

    median: float = 0.05
    sigma: float = 0.5
    name: ClassVar[str] = "log-normal"

    def __post_init__(self) -> None:
        positive("median of the log-normal latency", self.median)
        positive("sigma of the log-normal latency", self.sigma)

    def code(self) -> tuple[int, float, float, Places]:
        """The logarithm of the median, and sigma."""
        return LOG_NORMAL, math.log(self.median), self.sigma, _nowhere()


@dataclass(frozen=True)
class Plane(Latency):
    """Nodes lie anywhere in a unit square; a delay is ``base`` and the way at ``seconds`` a side.

    Attributes:
        base: Seconds of the shortest way: access links and the kernel.
        seconds: Seconds from one side of the square to the other; the mean way is 0.52 of it.
        places: Where each node lies, given by :meth:`place`.
    """

    base: float = 0.01
    seconds: float = 0.1
    places: Places = field(
        default_factory=_nowhere, repr=False, compare=False, metadata={"said": False}
    )
    name: ClassVar[str] = "plane"

    def __post_init__(self) -> None:
        positive("base of the plane latency", self.base)
        positive("seconds of the plane latency", self.seconds)

    def place(self, nodes: int, rng: Generator) -> Plane:
        """Throw ``nodes`` points into the square."""
        return replace(self, places=rng.random((nodes, 2), dtype=np.float32))

    def code(self) -> tuple[int, float, float, Places]:
        """Base, seconds a side, and the points."""
        return PLANE, self.base, self.seconds, self.places


@dataclass(frozen=True)
class Matrix(Latency):
    """Measured delays between sites; a file of them is read by :mod:`simulations.io.traces`.

    Node ``i`` stands at site ``i % sites``: ids are random, so sites and ids are independent.

    Attributes:
        path: The file they came from.
        places: One-way seconds, from site (row) to site (column).
    """

    path: str = ""
    places: Places = field(
        default_factory=_nowhere, repr=False, compare=False, metadata={"said": False}
    )
    name: ClassVar[str] = "matrix"

    @classmethod
    def of(cls, delays: Places, path: str = "") -> Matrix:
        """From a square of one-way seconds.

        Raises:
            ConfigError: It is not square, or a delay is not a number above 0. The diagonal may
                be 0: two nodes at one site then are 0.1 ms from each other.
        """
        square = np.array(delays, np.float32)
        sides = square.shape
        if square.ndim != 2 or sides[0] != sides[1] or not sides[0]:  # noqa: PLR2004
            raise ConfigError(f"a latency matrix must be square, but has the shape {sides}")
        elsewhere = ~np.eye(sides[0], dtype=bool)
        if not (np.isfinite(square).all() and (square[elsewhere] > 0).all()):
            raise ConfigError("a latency matrix holds a delay that is no number above 0")
        return cls(path, np.maximum(square, np.float32(SHORTEST)))

    def code(self) -> tuple[int, float, float, Places]:
        """The matrix."""
        return MATRIX, 0.0, 0.0, self.places


MODELS: Final = (Constant, LogNormal, Plane, Matrix)

SHORTEST: Final = 1e-4
"""Seconds; what two machines in one rack need. A delay of 0 would be an event at its cause's own
time, and a normal variable has no bounds."""


@compiled
def latency_delay(
    kind: int, a: float, b: float, places: Places, source: int, target: int, u: float
) -> float:
    """Seconds that a message from ``source`` to ``target`` travels; ``u`` in [0, 1)."""
    if kind == LOG_NORMAL:
        return max(SHORTEST, math.exp(a + b * normal_quantile(u))) if u > 0.0 else SHORTEST
    if kind == PLANE:
        east = np.float64(places[source, 0]) - np.float64(places[target, 0])
        north = np.float64(places[source, 1]) - np.float64(places[target, 1])
        return a + b * math.sqrt(east * east + north * north)
    if kind == MATRIX:
        sites = places.shape[0]
        return float(places[source % sites, target % sites])
    return a


class Nat(IntEnum):
    """How a node is connected; see the module's docstring."""

    PUBLIC = 0
    RESTRICTED = 1
    SYMMETRIC = 2


@compiled
def reaches(source: int, target: int, spoken: bool) -> bool:  # noqa: FBT001 - a kernel's signature
    """Whether a message passes from a node of class ``source`` to one of class ``target``.

    Args:
        source: The :class:`Nat` of the sender.
        target: The :class:`Nat` of the receiver.
        spoken: The receiver has sent something to the sender lately (routers forget a mapping of
            UDP after 30 s to 5 min of silence; RFC 4787 asks for 2 min).
    """
    if target == 0:
        return True
    if source != 0 and (source == 2 or target == 2):  # noqa: PLR2004 - kernels know no enums
        return False
    return spoken
