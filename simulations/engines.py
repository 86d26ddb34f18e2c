"""The engines, by the name of their fidelity.

Each is a package ``simulations.<fidelity>`` with

    ``run(scenario, chance, progress=None) -> Rows``
        Raises :class:`~simulations.errors.ConfigError` for what this fidelity cannot do.

and, if it can say so, ``memory(scenario) -> int``: about how many bytes a run will need.
``progress`` is called now and then with the seconds of virtual time that are over, at the end with
``scenario.duration``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from simulations.errors import ConfigError
from simulations.registry import nearest
from simulations.scenario import FIDELITIES

if TYPE_CHECKING:
    from simulations.chance import Chance
    from simulations.rows import Rows
    from simulations.scenario import Scenario

Progress: TypeAlias = Callable[[float], None]

BYTES_A_NODE: Final = {"protocol": 20_000, "message": 6_000, "lookup": 2_200}
"""What a node needs, for engines that do not say themselves: as measured, rounded up."""
OVERHEAD: Final = 150_000_000
"""Python, numpy and numba at work, in bytes."""


def engine(fidelity: str) -> Any:
    """The package of an engine.

    Raises:
        ConfigError: There is none of that name.
    """
    if fidelity not in FIDELITIES:
        raise ConfigError(
            f"fidelity is {fidelity!r}, which there is not", hint=nearest(fidelity, FIDELITIES)
        )
    return import_module(f"simulations.{fidelity}")


def run(
    fidelity: str, scenario: Scenario, chance: Chance, progress: Progress | None = None
) -> Rows:
    """Simulate ``scenario`` at a fidelity."""
    rows: Rows = engine(fidelity).run(scenario, chance, progress)
    return rows


def memory(fidelity: str, scenario: Scenario) -> int:
    """About how many bytes a run will need; generous."""
    says = getattr(engine(fidelity), "memory", None)
    if says is not None:
        return int(says(scenario))
    lookups = scenario.traffic.lookups or (
        scenario.traffic.rate * scenario.duration / 3600 * scenario.network.nodes
    )
    # A row of 32 bytes, held twice while columns are joined.
    return OVERHEAD + int(BYTES_A_NODE[fidelity] * scenario.network.nodes + 64 * lookups)
