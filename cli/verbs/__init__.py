"""The words of every command: arguments, help and examples, and nothing that runs.

A verb is two things, kept apart so that ``dhtctl --help`` stays quick: its words here, in one of
the modules of this package, each of which has ``register(verbs)``; and its deed, a module
``cli.actions.<verb>`` with a function ``run(context)``, imported only when the verb is used.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from cli.parser import Parser

GROUPS: Final = (
    "values",
    "providers",
    "torrents",
    "sites",
    "git",
    "keys",
    "network",
    "running",
    "sim",
    "itself",
)
"""The modules of this package, in the order in which the help lists their verbs."""

FILE: Final = "file"
DIRECTORY: Final = "directory"
_DIGITS: Final = 19


class Verbs:
    """Where verbs are registered: the commands, or the second words of one command."""

    def __init__(self, subparsers: Any, depth: int) -> None:
        self._subparsers = subparsers
        self._depth = depth

    def add(
        self,
        name: str,
        summary: str,
        *,
        examples: Sequence[tuple[str, str]],
        about: str = "",
        redefines: bool = False,
    ) -> Parser:
        """Declare a verb; what is returned takes its arguments.

        Args:
            name: The word.
            summary: What it does, for the list of commands.
            examples: Pairs of a command line and what it does; at least two.
            about: What else one should know, for its own help.
            redefines: An option of every command means something else after this verb.
        """
        parser: Parser = self._subparsers.add_parser(
            name,
            help=summary,
            description=f"{summary[:1].upper()}{summary[1:]}.\n\n{about}".strip(),
            epilog="options of every command, such as --json and --timeout: see dhtctl --help",
            examples=examples,
            conflict_handler="resolve" if redefines else "error",
            depth=self._depth,
        )
        return parser

    def nest(self, parser: Parser) -> Verbs:
        """Give a verb second words (``key new``, ``key list``)."""
        subparsers = parser.add_subparsers(
            title="commands", metavar="WHAT", dest="what", required=True, parser_class=type(parser)
        )
        return Verbs(subparsers, self._depth + 1)


def register_all(commands: Verbs) -> None:
    """Declare every verb."""
    for group in GROUPS:
        import_module(f"cli.verbs.{group}").register(commands)


def completes(argument: argparse.Action, what: str) -> None:
    """Note that an argument is a path, for the shells' completion."""
    argument.complete = what  # type: ignore[attr-defined]


def add_address(
    parser: Parser, name: str = "KEY", what: str = "what to look for", *, optional: bool = False
) -> None:
    """Take an address in any form, and ``--as``."""
    parser.add_argument(
        "key",
        metavar=name,
        nargs="?" if optional else None,
        help=f"{what}: a CID, a name (k51...), a magnet link, an infohash or key in hexadecimal",
    )
    add_as(parser)


def add_as(parser: Parser) -> None:
    """Take the user's word for what bare digits are."""
    parser.add_argument(
        "--as",
        dest="as_",
        choices=("infohash", "key", "item", "cid"),
        help="what bare hexadecimal digits mean, where they could mean two things",
    )


def add_paths(parser: Parser) -> None:
    """Take the number of disjoint paths."""
    parser.add_argument(
        "--paths",
        type=few,
        default=1,
        metavar="N",
        help="search along N disjoint paths, so that one liar cannot mislead all (default: 1)",
    )


def add_region(parser: Parser) -> None:
    """Take the size of the region to store to."""
    parser.add_argument(
        "--region",
        type=bits,
        metavar="BITS",
        help="store on every node that shares this many leading bits with the key",
    )


def add_passphrase(parser: Parser) -> None:
    """Take the file of a passphrase."""
    completes(
        parser.add_argument(
            "--passphrase-file",
            metavar="FILE",
            help="read the key's passphrase from the first line of FILE "
            "(default: DHTCTL_PASSPHRASE, else asked for)",
        ),
        FILE,
    )


def positive(text: str) -> int:
    """Read a number from 1."""
    return _whole(text, 1)


def natural(text: str) -> int:
    """Read a number from 0."""
    return _whole(text, 0)


def few(text: str) -> int:
    """Read a number of paths: beyond 64 they share no contacts worth having."""
    return _whole(text, 1, 64)


def bits(text: str) -> int:
    """Read a number of leading bits of a key of 160."""
    return _whole(text, 1, 160)


def _whole(text: str, least: int, most: int | None = None) -> int:
    """Read a number that is not too small.

    Raises:
        ArgumentTypeError: It is none.
    """
    # 19 digits: beyond the 63 bits of a sequence number, and short of Python's own limit.
    number = int(text) if text.isdecimal() and text.isascii() and len(text) <= _DIGITS else -1
    if number < least or (most is not None and number > most):
        limit = "" if most is None else f" to {most}"
        raise ArgumentTypeError(f"{text!r} is not a whole number from {least}{limit}")
    return number
