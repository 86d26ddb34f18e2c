"""The parser as data: what completion scripts and manual pages are made from."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.parser import build

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cli.parser import Parser


@dataclass(frozen=True, slots=True)
class Word:
    """An option or an argument.

    Attributes:
        flags: Its spellings; empty for an argument.
        metavar: What its value is called; empty if it takes none.
        help: One line.
        choices: Its only values, if they are few.
        path: ``file`` or ``directory`` if it is one.
        several: It may be given more than once.
    """

    flags: tuple[str, ...]
    metavar: str
    help: str
    choices: tuple[str, ...]
    path: str
    several: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A command with everything that may follow it.

    Attributes:
        path: Its words, without the program's name: ``()``, ``("key",)``, ``("key", "new")``.
        summary: One line.
        about: Its description.
        usage: How it is called.
        options: What begins with a dash, without the global options.
        arguments: What does not.
        commands: The words that may follow.
        examples: Pairs of a command line and what it does.
    """

    path: tuple[str, ...]
    summary: str
    about: str
    usage: str
    options: tuple[Word, ...]
    arguments: tuple[Word, ...]
    commands: tuple[Command, ...]
    examples: Sequence[tuple[str, str]]


def commands() -> Command:
    """The whole tree, from the top."""
    return _command(build(), (), "")


def walk(command: Command) -> Iterator[Command]:
    """A command and all below it."""
    yield command
    for below in command.commands:
        yield from walk(below)


def _command(parser: Parser, path: tuple[str, ...], summary: str) -> Command:
    nested: argparse._SubParsersAction[Parser] | None = None
    words: list[Word] = []
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to ask
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            nested = action
        elif action.help is not argparse.SUPPRESS:
            words.append(_word(action))
    below = {} if nested is None else nested.choices
    told = (
        {}
        if nested is None
        else {
            choice.dest: choice.help or ""
            for choice in nested._choices_actions  # noqa: SLF001
        }
    )
    return Command(
        path,
        summary,
        parser.description or "",
        " ".join(parser.format_usage().removeprefix("usage: ").split()),
        tuple(word for word in words if word.flags),
        tuple(word for word in words if not word.flags),
        tuple(_command(sub, (*path, name), told[name]) for name, sub in below.items()),
        parser.examples,
    )


def _word(action: argparse.Action) -> Word:
    metavar = action.metavar or action.dest.upper()
    choices = tuple(map(str, action.choices or ()))
    return Word(
        flags=tuple(action.option_strings),
        metavar="" if action.nargs == 0 else "|".join(choices) or str(metavar),
        help=action.help or "",
        choices=choices,
        path=getattr(action, "complete", ""),
        several=isinstance(action, argparse._AppendAction | argparse._CountAction),  # noqa: SLF001
    )
