"""What an action is given: the words of its command line, the settings, and the printer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.errors import ExitCode

if TYPE_CHECKING:
    from argparse import Namespace

    from cli.output import Output
    from cli.settings import Settings


@dataclass(slots=True)
class Context:
    """One running command.

    Attributes:
        args: The arguments of the verb, by the names its parser gave them.
        settings: What every command knows, from all layers.
        out: The only way to print.
        when_stopped: The exit code if SIGINT or SIGTERM ends it. A verb whose normal end this is
            (``node``, ``testnet``) sets it to ``DONE``.
    """

    args: Namespace
    settings: Settings
    out: Output
    when_stopped: ExitCode = ExitCode.INTERRUPTED
