"""Read the words, and hand them over.

Up to there, nothing is imported that the words do not need, so that ``--help`` and mistakes in the
command line are answered at once; :mod:`cli.session` does the rest.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from cli import parser
from cli.errors import CommandError, ExitCode, StoppedError

if TYPE_CHECKING:
    from collections.abc import Sequence


def program() -> int:
    """Run the command line of this process; its exit code."""
    if sys.stdout is None or sys.stderr is None:  # closed by who started us (``>&-``)
        nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - until we end
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    # What a terminal's encoding cannot express is better shown escaped than not at all.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    return main(sys.argv[1:])


def main(argv: Sequence[str]) -> int:
    """Run one command line; raises nothing but mistakes of our own."""
    try:
        code: int = _run(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        return _nobody_reads()
    return code


def _run(argv: Sequence[str]) -> int:
    # For what goes wrong before the settings are known.
    json = "--json" in argv or os.environ.get("DHTCTL_JSON", "").lower() in ("1", "true", "yes")
    try:
        args = parser.build().parse_args(argv)
        code: int = import_module("cli.session").run(args)
    except CommandError as error:
        return _complain(error, json=json)
    except KeyboardInterrupt:
        return _complain(StoppedError("interrupted"), json=json)
    return code


def _complain(error: CommandError, *, json: bool) -> int:
    import_module("cli.output").Output(json=json).error(error)
    return error.code


def _nobody_reads() -> int:
    """The reader of our output went away (``| head``): it has what it wanted, so end quietly.

    Python would complain when it flushes stdout at the end, so stdout goes nowhere from here on.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    return ExitCode.DONE
