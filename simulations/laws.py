r"""How long nodes stay: laws of session times, in seconds.

Each law is known by its mean, so that laws can be exchanged with the mean kept, and by one more
number for its shape. With :math:`F` its distribution function:

===========  ================================  =====================================  ============
law          :math:`1 - F(x)`                  where it comes from                    parameters
===========  ================================  =====================================  ============
exponential  :math:`e^{-x/m}`                  the closed forms                       mean
weibull      :math:`e^{-(x/s)^k}`              Stutzbach & Rejaie, IMC 2006           mean, shape k
log-normal   :math:`1-\Phi((\ln x-\mu)/d)`     crawls of IPFS                         mean, sigma d
pareto       :math:`(1 + x/b)^{-a}` (Lomax)    Yao et al., ICNP 2006; OverSim         mean, shape a
fixed        1 up to m, then 0                 checks                                 mean
===========  ================================  =====================================  ============

**The stationary start.** Whoever looks at a network at one moment meets long sessions more often
than short ones: the session met has the density :math:`x f(x) / E[L]` (*length-biased*), the moment
lies anywhere in it, and the mean of what is left is :math:`E[L^2] / 2E[L]`, for a Weibull law of
shape 0.5 three times the mean session. A simulation that starts all its nodes with fresh sessions
spends its first hours forgetting that; so initial states are drawn from :meth:`Law.stationary`.

Compiled kernels cannot call objects. They are handed :meth:`Law.code`, three numbers, and draw by
:func:`law_quantile`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

import numpy as np

from simulations.compiled import compiled
from simulations.errors import ConfigError
from simulations.normal import normal_quantile

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

EXPONENTIAL: Final = 0
WEIBULL: Final = 1
LOG_NORMAL: Final = 2
PARETO: Final = 3
FIXED: Final = 4


def positive(where: str, value: float) -> None:
    """Refuse what is not a positive finite number.

    Raises:
        ConfigError: It is none.
    """
    if not (value > 0 and math.isfinite(value)):
        raise ConfigError(f"{where} is {value!r}, but must be a number above 0")


@dataclass(frozen=True)
class Law(ABC):
    """A distribution of times above zero.

    Attributes:
        mean: The mean session, in seconds.
    """

    mean: float
    name: ClassVar[str]

    def __post_init__(self) -> None:
        positive(f"mean of the {self.name} law", self.mean)

    @property
    @abstractmethod
    def second_moment(self) -> float:
        """The mean of the squared session, s²; may be infinite."""

    @property
    def residual_mean(self) -> float:
        """What is left, on average, of the sessions met at one moment: E[L²] / 2E[L], s."""
        return self.second_moment / (2 * self.mean)

    @abstractmethod
    def cdf(self, x: float) -> float:
        """The share of sessions of at most ``x`` seconds."""

    @abstractmethod
    def draw(self, rng: Generator, size: int) -> Floats:
        """``size`` fresh sessions."""

    @abstractmethod
    def biased(self, rng: Generator, size: int) -> Floats:
        """``size`` sessions as they are met at one moment, whole: density x f(x) / E[L]."""

    def stationary(self, rng: Generator, size: int) -> tuple[Floats, Floats]:
        """What lies behind, and what is left, of ``size`` sessions met at one moment.

        The two belong together: who has stayed long is one who stays long.
        """
        whole = self.biased(rng, size)
        age = whole * rng.random(size)
        return age, whole - age

    def residual(self, rng: Generator, size: int) -> Floats:
        """What is left of ``size`` sessions met at one moment."""
        return self.stationary(rng, size)[1]

    @abstractmethod
    def code(self) -> tuple[int, float, float]:
        """The law as :func:`law_quantile` takes it: ``(kind, a, b)``."""


@dataclass(frozen=True)
class Exponential(Law):
    """The law without memory: what is left is distributed as what is new."""

    name: ClassVar[str] = "exponential"

    @property
    def second_moment(self) -> float:
        """2 m²."""
        return 2 * self.mean**2

    def cdf(self, x: float) -> float:
        """1 - exp(-x/m)."""
        return -math.expm1(-max(x, 0.0) / self.mean)

    def draw(self, rng: Generator, size: int) -> Floats:
        """Fresh sessions."""
        return rng.exponential(self.mean, size)

    def biased(self, rng: Generator, size: int) -> Floats:
        """The sum of two fresh ones: Gamma(2)."""
        return rng.gamma(2.0, self.mean, size)

    def code(self) -> tuple[int, float, float]:
        """The mean."""
        return EXPONENTIAL, self.mean, 0.0


@dataclass(frozen=True)
class Weibull(Law):
    """What crawls of BitTorrent and Kad found, with shapes from 0.34 to 0.62."""

    shape: float
    name: ClassVar[str] = "weibull"

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("shape of the weibull law", self.shape)

    @classmethod
    def of_scale(cls, scale: float, shape: float) -> Weibull:
        """As papers write it: by its scale (s) and its shape."""
        return cls(scale * math.gamma(1 + 1 / shape), shape)

    @property
    def scale(self) -> float:
        """The time that 1/e of all sessions exceed, s."""
        return self.mean / math.gamma(1 + 1 / self.shape)

    @property
    def second_moment(self) -> float:
        """s² Γ(1 + 2/k)."""
        return self.scale**2 * math.gamma(1 + 2 / self.shape)

    def cdf(self, x: float) -> float:
        """1 - exp(-(x/s)^k)."""
        return -math.expm1(-((max(x, 0.0) / self.scale) ** self.shape))

    def draw(self, rng: Generator, size: int) -> Floats:
        """Fresh sessions."""
        return self.scale * rng.weibull(self.shape, size)

    def biased(self, rng: Generator, size: int) -> Floats:
        """(x/s)^k is exponential; weighted by x it becomes Gamma(1 + 1/k)."""
        weighted: Floats = rng.gamma(1 + 1 / self.shape, 1.0, size) ** (1 / self.shape)
        return self.scale * weighted

    def code(self) -> tuple[int, float, float]:
        """Scale and shape."""
        return WEIBULL, self.scale, self.shape


@dataclass(frozen=True)
class LogNormal(Law):
    """The logarithm of a session is normal, with deviation ``sigma``."""

    sigma: float
    name: ClassVar[str] = "log-normal"

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("sigma of the log-normal law", self.sigma)

    @classmethod
    def of_median(cls, median: float, sigma: float) -> LogNormal:
        """By the time that half of all sessions exceed (s)."""
        return cls(median * math.exp(sigma**2 / 2), sigma)

    @property
    def mu(self) -> float:
        """The logarithm of the median."""
        return math.log(self.mean) - self.sigma**2 / 2

    @property
    def second_moment(self) -> float:
        """m² exp(d²)."""
        return self.mean**2 * math.exp(self.sigma**2)

    def cdf(self, x: float) -> float:
        """Φ((ln x - μ) / d)."""
        return NormalDist(self.mu, self.sigma).cdf(math.log(x)) if x > 0 else 0.0

    def draw(self, rng: Generator, size: int) -> Floats:
        """Fresh sessions."""
        return rng.lognormal(self.mu, self.sigma, size)

    def biased(self, rng: Generator, size: int) -> Floats:
        """Weighting by x moves μ by d²."""
        return rng.lognormal(self.mu + self.sigma**2, self.sigma, size)

    def code(self) -> tuple[int, float, float]:
        """μ and d."""
        return LOG_NORMAL, self.mu, self.sigma


@dataclass(frozen=True)
class Pareto(Law):
    """Pareto's law from zero on (Lomax). Up to shape 2 the residual mean is infinite."""

    shape: float
    name: ClassVar[str] = "pareto"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.shape > 1 and math.isfinite(self.shape)):
            raise ConfigError(
                f"shape of the pareto law is {self.shape!r}, but must be above 1, or it has no mean"
            )

    @property
    def scale(self) -> float:
        """B = m (a - 1), s."""
        return self.mean * (self.shape - 1)

    @property
    def second_moment(self) -> float:
        """2 b² / ((a - 1)(a - 2)); infinite up to a = 2."""
        if self.shape <= 2:  # noqa: PLR2004 - where the moment ends
            return math.inf
        return 2 * self.scale**2 / ((self.shape - 1) * (self.shape - 2))

    def cdf(self, x: float) -> float:
        """1 - (1 + x/b)^-a."""
        return -math.expm1(-self.shape * math.log1p(max(x, 0.0) / self.scale))

    def draw(self, rng: Generator, size: int) -> Floats:
        """Fresh sessions; numpy's Pareto is Lomax's."""
        return self.scale * rng.pareto(self.shape, size)

    def biased(self, rng: Generator, size: int) -> Floats:
        """x/b weighted by x is beta-prime: Gamma(2) over Gamma(a - 1)."""
        return self.scale * rng.gamma(2.0, 1.0, size) / rng.gamma(self.shape - 1, 1.0, size)

    def code(self) -> tuple[int, float, float]:
        """Scale and shape."""
        return PARETO, self.scale, self.shape


@dataclass(frozen=True)
class Fixed(Law):
    """All sessions are equally long."""

    name: ClassVar[str] = "fixed"

    @property
    def second_moment(self) -> float:
        """m²."""
        return self.mean**2

    def cdf(self, x: float) -> float:
        """A step."""
        return 1.0 if x >= self.mean else 0.0

    def draw(self, rng: Generator, size: int) -> Floats:
        """The mean, and no chance."""
        return np.full(size, self.mean)

    def biased(self, rng: Generator, size: int) -> Floats:
        """The mean."""
        return self.draw(rng, size)

    def code(self) -> tuple[int, float, float]:
        """The mean."""
        return FIXED, self.mean, 0.0


LAWS: Final = (Exponential, Weibull, LogNormal, Pareto, Fixed)


@compiled
def law_quantile(kind: int, a: float, b: float, u: float) -> float:
    """The session that the share ``u`` of all are shorter than; ``u`` in [0, 1).

    A fresh session for a uniform ``u``. Of a law without end, ``u = 0`` gives 0.
    """
    if kind == FIXED:
        return a
    if kind == LOG_NORMAL:
        return math.exp(a + b * normal_quantile(u)) if u > 0.0 else 0.0
    rest = -math.log1p(-u)  # of an exponential law of mean 1
    if kind == WEIBULL:
        return float(a * rest ** (1.0 / b))
    if kind == PARETO:
        return a * math.expm1(rest / b)
    return a * rest
