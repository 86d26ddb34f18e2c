"""``dhtctl sim``: the simulator, imported only here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from cli.errors import CommandError, ExitCode, UsageError
from simulations.errors import ResultError, RunFailed, SimulationError

if TYPE_CHECKING:
    from cli.context import Context

_DEEDS: Final = {
    "list": "looking",
    "show": "looking",
    "run": "running",
    "sweep": "running",
    "plot": "plotting",
    "validate": "validating",
    "compare": "comparing",
}


def run(context: Context) -> ExitCode:
    """Do what the second word says."""
    try:
        # Before anything is imported that needs it: one line, and no traceback.
        import_module("simulations.io.extras").require_all()
        code: ExitCode = import_module(f"cli.sim.{_DEEDS[context.args.what]}").run(context)
    except SimulationError as error:
        raise translated(error) from error
    return code


def translated(error: SimulationError) -> CommandError:
    """Say it as the command line does: what cannot begin is a matter of words."""
    kind = CommandError if isinstance(error, ResultError | RunFailed) else UsageError
    return kind(error.message, hint=error.hint)
