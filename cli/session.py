"""One command, from its words to its exit code: settings, printer, deed.

A deed is a module of :mod:`cli.actions` with a ``run``. What it finds wrong on this machine it says
at once; what takes the network it returns as a coroutine. Only then is trio imported, and by the
coroutine the node, which together take three times as long as everything before: a mistake in the
words should not.
"""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import closing
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
    """Do what the verb says. Deeds that talk to the network return coroutines."""
    deed = import_module(f"cli.actions.{context.args.verb}")
    outcome: ExitCode | Coroutine[Any, Any, ExitCode] = deed.run(context)
    if isinstance(outcome, Coroutine):
        with closing(outcome):  # Or Python complains, should it be interrupted before it began.
            finished: ExitCode = import_module("cli.loop").drive(outcome, context)
        return finished
    return outcome
