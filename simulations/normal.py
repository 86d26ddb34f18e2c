"""The normal distribution's quantile, for kernels, which have no ``statistics.NormalDist``.

Algorithm AS 241, PPND16 (M. Wichura, *Applied Statistics* 37, 1988): rational functions in three
regions, exact to sixteen digits. The standard library uses the same, which the tests compare.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from simulations.compiled import compiled

_CENTRE: Final = 0.425
"""Up to this distance from one half, the quantile is a function of the distance."""
_TAIL: Final = 5.0
"""Up to this value of sqrt(-ln p), the second region; beyond it the far tail."""

# Numerators and denominators, highest power first; arrays: a kernel takes them as constants.
_A: Final = np.array([
    2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
    4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
    1.3314166789178437745e2, 3.3871328727963666080e0,
])  # fmt: skip
_B: Final = np.array([
    5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
    2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
    4.2313330701600911252e1, 1.0,
])  # fmt: skip
_C: Final = np.array([
    7.7454501427834140764e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
    1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
    4.63033784615654529590e0, 1.42343711074968357734e0,
])  # fmt: skip
_D: Final = np.array([
    1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
    1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
    2.05319162663775882187e0, 1.0,
])  # fmt: skip
_E: Final = np.array([
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
    2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
    5.46378491116411436990e0, 6.65790464350110377720e0,
])  # fmt: skip
_F: Final = np.array([
    2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
    7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
    5.99832206555887937690e-1, 1.0,
])  # fmt: skip


@compiled
def _ratio(above: np.ndarray, below: np.ndarray, x: float) -> float:
    """One polynomial over another, by Horner's rule."""
    top = above[0]
    bottom = below[0]
    for power in range(1, above.shape[0]):
        top = top * x + above[power]
        bottom = bottom * x + below[power]
    return float(top / bottom)


@compiled
def normal_quantile(p: float) -> float:
    """The value that a standard normal variable stays below with probability ``p``, 0 < p < 1."""
    q = p - 0.5
    if abs(q) <= _CENTRE:
        return q * _ratio(_A, _B, 0.180625 - q * q)
    r = math.sqrt(-math.log(p if q < 0.0 else 1.0 - p))
    value = _ratio(_C, _D, r - 1.6) if r <= _TAIL else _ratio(_E, _F, r - _TAIL)
    return -value if q < 0.0 else value
