"""``dhtctl completion``: print a completion script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli import shells
from cli.errors import ExitCode

if TYPE_CHECKING:
    from cli.context import Context


def run(context: Context) -> ExitCode:
    """Print it, also with ``--json``: it is a script, and nothing else."""
    context.out.data(shells.script(context.args.shell).encode("utf-8"))
    return ExitCode.DONE
