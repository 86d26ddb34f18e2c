"""``dhtctl git``: repositories under names."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from cli.context import Context
    from cli.errors import ExitCode


def run(context: Context) -> Coroutine[Any, Any, ExitCode]:
    """Do what the second word says."""
    module = {"publish": "cli.git.publish", "mirror": "cli.git.mirror"}[context.args.what]
    deed: Coroutine[Any, Any, ExitCode] = import_module(module).run(context)
    return deed
