"""Kademlia at any size, on a virtual clock.

One question can be asked at three fidelities, by name, and answers with the same columns:

=============  ===================================================================  ==============
``protocol``   the engines of ``dht.core`` that ship in the node, on a heap         1k to 20k nodes
``message``    the same rules compiled on arrays, every message an event            10k to 300k
``lookup``     the same rules compiled, whole lookups on tables, static or churned  100k to 4M
=============  ===================================================================  ==============

They are held to each other (on the same ids and tables the first and the last make the same
requests in the same order; under churn the first two agree in distribution), and to theory
(``dhtctl sim validate``). So the fast ones may be believed where the faithful one is too slow.

Each is a function ``run(scenario, chance, progress) -> Rows`` in the package of its name:

* a :class:`~simulations.scenario.Scenario` says what is simulated: frozen, all times in seconds;
* a :class:`~simulations.chance.Chance` is all the chance there is: one root seed, named streams;
* :class:`~simulations.rows.Rows` are what was seen: tidy columns, one row per lookup, transfer or
  sample.

Outside ``simulations.io`` nothing here knows a clock, a file, a socket or a thread: the same
scenario and the same root give the same bytes, on any machine of one architecture, in any number
of processes and threads.

All of it needs the extra: ``pip install 'dhtctl[sim]'``.

>>> import simulations
>>> runs = simulations.load("out/churn")  # doctest: +SKIP
>>> runs.to_pandas().groupby("seed").latency_s.median()  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulations.errors import (
        ConfigError,
        MissingExtra,
        ResultError,
        RunFailed,
        SimulationError,
        TooBig,
        TraceError,
    )
    from simulations.io.results import Results, load

_ERRORS = "simulations.errors"
_HOMES = {
    "ConfigError": _ERRORS,
    "MissingExtra": _ERRORS,
    "ResultError": _ERRORS,
    "Results": "simulations.io.results",
    "RunFailed": _ERRORS,
    "SimulationError": _ERRORS,
    "TooBig": _ERRORS,
    "TraceError": _ERRORS,
    "load": "simulations.io.results",
}

__all__ = [
    "ConfigError",
    "MissingExtra",
    "ResultError",
    "Results",
    "RunFailed",
    "SimulationError",
    "TooBig",
    "TraceError",
    "load",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: errors cost no numpy."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
