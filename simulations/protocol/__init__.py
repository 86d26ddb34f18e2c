"""N real engines of ``dht.core`` on a virtual clock: the fidelity that executes what ships.

:mod:`~simulations.protocol.world` is the shell that drives them; a run is put together in
:mod:`~simulations.protocol.run` out of who is there (``population``), what lies between them
(``link``), what users do (``traffic``), who does not follow the rules (``adversary``), and what
befalls them (``events``). :mod:`~simulations.protocol.truth` is the observer against whom every
operation is judged.

It does 1,000 to 20,000 nodes; the compiled fidelities do the rest, and are held to this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulations.protocol import adversary  # noqa: F401 - registers ours
from simulations.protocol.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulations.chance import Chance
    from simulations.rows import Rows
    from simulations.scenario import Scenario

__all__ = ["Run", "memory", "run"]

OVERHEAD: Final = 150_000_000
"""Python, numpy and numba at work, in bytes."""
ENGINE: Final = 9_000
"""An engine that knows nobody, with its node and contact, in bytes."""
CONTACT: Final = 110
"""A contact in a table, or waiting for a place in it."""


def run(
    scenario: Scenario, chance: Chance, progress: Callable[[float], None] | None = None
) -> Rows:
    """Simulate ``scenario``; all chance is drawn from ``chance``.

    Raises:
        ConfigError: The scenario wants what this fidelity cannot do.
    """
    return Run(scenario, chance).finish(progress)


def memory(scenario: Scenario) -> int:
    """About how many bytes a run will need."""
    nodes = scenario.network.nodes
    k = scenario.rules.k or (20 if scenario.rules.policy == "amino" else 8)
    contacts = k * (max(1, nodes // k).bit_length() + 1)
    return OVERHEAD + nodes * (ENGINE + CONTACT * contacts)
