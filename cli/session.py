"""One command, from its words to its exit code: settings, printer, deed."""

from __future__ import annotations

from collections.abc import Coroutine
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cli import parser, settings
from cli.context import Context
from cli.errors import CommandError, ExitCode
from cli.output import Output

if TYPE_CHECKING:
    from argparse import Namespace


def run(args: Namespace) -> ExitCode:
    """Run the command that ``args`` describe.

    Raises:
        UsageError: The settings make no sense; what the deed itself raises is printed here.
    """
    resolved = settings.resolve(parser.given(args))
    out = Output(json=resolved.json, quiet=resolved.quiet, verbose=resolved.verbose)
    try:
        return _perform(Context(args, resolved, out))
    except CommandError as error:
        out.error(error)
        return error.code


def _perform(context: Context) -> ExitCode:
    """Do what the verb says. Deeds that talk to the network are coroutines."""
    module = f"cli.actions.{context.args.verb}"
    try:
        deed = import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise CommandError(f"{context.args.verb} is not in this version yet") from error
    outcome: ExitCode | Coroutine[Any, Any, ExitCode] = deed.run(context)
    if isinstance(outcome, Coroutine):
        finished: ExitCode = import_module("cli.loop").drive(outcome, context)
        return finished
    return outcome
