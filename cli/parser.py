"""The grammar of ``dhtctl``: one parser, from which help, completion and manual are all made.

It is plain ``argparse``: the help must come within a fifth of a second, and richer libraries spend
that on being imported. Three things are added. Global options may stand before or after the verb
(``argparse`` would let the later place overwrite the earlier). Every verb has examples. Errors are
raised, so that they come out in one style, as JSON when JSON was asked for.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn

from cli import verbs
from cli.errors import ExitCode, UsageError
from cli.options import OPTIONS, PROGRAM, Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.options import Option

DESCRIPTION: Final = (
    "Store and find values, names and providers in the BitTorrent Mainline DHT,\n"
    "and share files with every BitTorrent client.\n"
    "No daemon is needed: every command starts a short-lived node."
)
EXAMPLES: Final = (
    ("K=$(dhtctl put notes.txt) && dhtctl get $K", "store a small file; anyone can read it back"),
    ("dhtctl seed film.mkv", "share a big one: print its magnet link, and serve it"),
)
_ANYWHERE: Final = "anywhere"
_DEPTHS: Final = 3
"""Places where a global option may stand: before the verb, after it, after its second word."""


class Parser(argparse.ArgumentParser):
    """An ``argparse`` parser that knows its examples, and raises what is wrong.

    Attributes:
        examples: Pairs of a command line and what it does.
    """

    examples: Sequence[tuple[str, str]]

    def __init__(
        self,
        *,
        examples: Sequence[tuple[str, str]] = (),
        depth: int = 0,
        **rest: Any,
    ) -> None:
        rest.setdefault("allow_abbrev", False)
        rest.setdefault("add_help", False)
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **rest)
        self.examples = examples
        _add_global_options(self, depth)

    def error(self, message: str) -> NoReturn:
        """Raise what the user got wrong.

        Raises:
            UsageError: Always.
        """
        raise UsageError(message, hint=f"see `{self.prog} --help`")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Check a choice; of what was nearly right, say what was probably meant."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            choices = list(map(str, action.choices or ()))
            near = import_module("difflib").get_close_matches(str(value), choices, 1)
            if not near:
                raise
            raise UsageError(str(error), hint=f"did you mean `{near[0]}`?") from error

    def format_help(self) -> str:
        """The help, with the examples at its end."""
        shown = "".join(f"\n  {line}\n      {what}" for line, what in self.examples)
        return super().format_help() + (f"\nexamples:{shown}\n" if shown else "")


class _Version(argparse.Action):
    """Prints the version; asks the package's metadata only then, it is slow."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        metadata = import_module("importlib.metadata")
        try:
            version = metadata.version(PROGRAM)
        except metadata.PackageNotFoundError:
            version = "(not installed)"
        print(f"{PROGRAM} {version}")
        parser.exit()


def build() -> Parser:
    """The whole grammar."""
    parser = Parser(prog=PROGRAM, description=DESCRIPTION, examples=EXAMPLES, epilog=_exit_codes())
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = verbs.Verbs(
        parser.add_subparsers(
            title="commands", metavar="COMMAND", dest="verb", required=True, parser_class=Parser
        ),
        depth=1,
    )
    verbs.register_all(commands)
    return parser


def given(args: argparse.Namespace) -> dict[str, Any]:
    """The global options of a command line, from wherever they stood: later ones win or add."""
    found: dict[str, Any] = {}
    for depth in range(_DEPTHS):
        for option in OPTIONS:
            value = getattr(args, _destination(option, depth), None)
            if value is None:
                continue
            adds = option.shape in (Shape.WORDS, Shape.COUNT)
            found[option.name] = (
                found[option.name] + value if (adds and option.name in found) else value
            )
    return found


def _destination(option: Option, depth: int) -> str:
    return f"{_ANYWHERE}{depth}_{option.name}"


def _add_global_options(parser: Parser, depth: int) -> None:
    """Let the global options stand here. Only the top shows them in its help."""
    group = parser if depth else parser.add_argument_group("options, before or after the command")
    group.add_argument("-h", "--help", action="help", help="show this help and exit")
    for option in OPTIONS:
        arguments: dict[str, Any] = {
            "dest": _destination(option, depth),
            "default": None,
            "help": argparse.SUPPRESS if depth else option.help,
        }
        if option.shape is Shape.SWITCH:
            arguments |= {"action": "store_const", "const": True}
        elif option.shape is Shape.COUNT:
            arguments |= {"action": "count"}
        else:
            arguments |= {"metavar": option.metavar or option.name.upper()}
            if option.choices:
                arguments["choices"] = option.choices
                del arguments["metavar"]
            if option.shape is Shape.WORDS:
                arguments["action"] = "append"
        added = group.add_argument(*option.flags, f"--{option.name}", **arguments)
        if option.shape is Shape.DIRECTORY:
            verbs.completes(added, verbs.DIRECTORY)


def _exit_codes() -> str:
    lines = "\n".join(f"  {int(code):>3}  {code.meaning}" for code in ExitCode)
    return f"exit codes:\n{lines}"
