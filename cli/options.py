"""The options that every command knows: one table, for the parser and for the settings.

The parser makes flags from it, :mod:`cli.settings` reads the configuration file and the environment
by it. It is a module of its own because ``--help`` needs it and nothing else of the settings; for
the same reason :class:`Option` is written by hand: ``dataclasses`` takes a tenth of the time that
the help may take.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

PROGRAM: Final = "dhtctl"
NETWORKS: Final = ("mainline",)


class Shape(Enum):
    """What kind of value an option has."""

    TEXT = "text"
    WORDS = "words"
    SWITCH = "switch"
    COUNT = "count"
    SECONDS = "seconds"
    DIRECTORY = "directory"


class Option:
    """A setting that every command knows.

    Attributes:
        name: In the file as it is, in the environment as ``DHTCTL_NAME``, as flag ``--name``.
        shape: What values it takes.
        help: One line.
        metavar: How the help calls its value.
        flags: Other spellings of the flag.
        choices: The only values, if they are few.
    """

    __slots__ = ("choices", "flags", "help", "metavar", "name", "shape")

    def __init__(
        self,
        name: str,
        shape: Shape,
        help: str,  # noqa: A002 - argparse's word
        metavar: str | None = None,
        *,
        flags: tuple[str, ...] = (),
        choices: tuple[str, ...] = (),
    ) -> None:
        self.name: Final = name
        self.shape: Final = shape
        self.help: Final = help
        self.metavar: Final = metavar
        self.flags: Final = flags
        self.choices: Final = choices

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return f"{PROGRAM.upper()}_{self.name.upper()}"


OPTIONS: Final = (
    Option("network", Shape.TEXT, "which DHT to speak to", choices=NETWORKS),
    Option(
        "bootstrap",
        Shape.WORDS,
        "join through this node (may be repeated; '': join nobody; default: public nodes)",
        "HOST:PORT",
    ),
    Option(
        "listen",
        Shape.WORDS,
        "bind this address (may be repeated, one IPv4 and one IPv6; default: any free port)",
        "[HOST:]PORT",
    ),
    Option(
        "state",
        Shape.DIRECTORY,
        "keep keys, records and promises here (default: see dhtctl config show)",
        "DIR",
    ),
    Option(
        "timeout",
        Shape.SECONDS,
        "give up after so long in all: 90, 2m, 1h (0: never)",
        "TIME",
    ),
    Option("json", Shape.SWITCH, "print one JSON object per line, errors too"),
    Option("quiet", Shape.SWITCH, "print neither notes nor progress", flags=("-q",)),
    Option("verbose", Shape.COUNT, "log to stderr; twice for more", flags=("-v",)),
)
