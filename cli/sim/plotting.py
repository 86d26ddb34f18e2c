"""``dhtctl sim plot``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.errors import ExitCode
from cli.sim.running import drawn
from simulations.io import plots, results

if TYPE_CHECKING:
    from cli.context import Context


def run(context: Context) -> ExitCode:
    """Draw it beside the results, or where it is wanted."""
    args = context.args
    found = results.load(args.results)
    where = Path(args.results)
    beside = (where if where.is_dir() else where.parent) / found.name
    drawn(context.out, plots.draw(found, Path(args.output) if args.output else beside))
    return ExitCode.DONE
