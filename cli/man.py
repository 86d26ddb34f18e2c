"""Manual pages, made from the grammar: ``python -m cli.man DIRECTORY``.

One page for the program and one for each command (``man dhtctl-put``), in the ``man`` macros that
every ``man`` reads. The package's build can ship them; they are never written by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cli import grammar
from cli.errors import ExitCode
from cli.options import OPTIONS, PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cli.grammar import Command, Word


def pages() -> dict[str, str]:
    """All pages, by file name."""
    top = grammar.commands()
    return {f"{_name(command)}.1": page(command) for command in grammar.walk(top)}


def page(command: Command) -> str:
    """One page."""
    title, _, rest = command.about.partition("\n")
    summary = command.summary or title.rstrip(".")
    lines = [
        f'.TH "{_name(command).upper()}" 1 "" "{PROGRAM}" "User Commands"',
        *_section("NAME", f"{_name(command)} \\- {_escaped(summary)}"),
        *_section("SYNOPSIS", f".B {_escaped(command.usage)}"),
        *_section(
            "DESCRIPTION", *_paragraphs(command.about if not command.path else rest or title)
        ),
    ]
    if command.commands:
        lines += _section("COMMANDS", *_commands(command.commands))
    if command.arguments:
        lines += _section("ARGUMENTS", *_words(command.arguments))
    lines += _section("OPTIONS", *_words(command.options), *_see_global(command))
    if not command.path:
        lines += _section("EXIT STATUS", *_exit_codes())
        lines += _section("ENVIRONMENT", *_environment())
    lines += _section("EXAMPLES", *_examples(command.examples))
    return "\n".join(lines) + "\n"


def _name(command: Command) -> str:
    return "-".join((PROGRAM, *command.path))


def _section(title: str, *lines: str) -> list[str]:
    return [f".SH {title}", *lines]


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.strip().split("\n\n"):
        yield ".PP"
        yield _escaped(" ".join(paragraph.split()))


def _words(words: Sequence[Word]) -> Iterator[str]:
    for word in words:
        yield ".TP"
        flags = ", ".join(f"\\fB{_escaped(flag)}\\fR" for flag in word.flags)
        yield f"{flags} \\fI{_escaped(word.metavar)}\\fR".strip() if word.metavar else flags
        yield _escaped(word.help)


def _see_global(command: Command) -> Iterator[str]:
    if command.path:
        yield ".PP"
        yield f"Options of every command: see \\fB{PROGRAM}\\fR(1)."


def _commands(commands: Sequence[Command]) -> Iterator[str]:
    for command in commands:
        yield ".TP"
        yield f"\\fB{_escaped(_name(command))}\\fR(1)"
        yield _escaped(command.summary)


def _exit_codes() -> Iterator[str]:
    for code in ExitCode:
        yield ".TP"
        yield f"\\fB{int(code)}\\fR"
        yield _escaped(code.meaning)


def _environment() -> Iterator[str]:
    for option in OPTIONS:
        yield ".TP"
        yield f"\\fB{option.variable}\\fR"
        yield f"As \\fB{_escaped('--' + option.name)}\\fR."
    for name, what in (
        ("DHTCTL_CONFIG", "The configuration file."),
        ("DHTCTL_PASSPHRASE", "Opens protected keys."),
        ("DHTCTL_NO_PROGRESS", "Show no progress."),
        ("NO_COLOR", "Use no colour, and plain lines for progress."),
    ):
        yield ".TP"
        yield f"\\fB{name}\\fR"
        yield what


def _examples(examples: Sequence[tuple[str, str]]) -> Iterator[str]:
    for line, what in examples:
        yield ".TP"
        yield f"\\fB{_escaped(line)}\\fR"
        yield _escaped(what)


def _escaped(text: str) -> str:
    """Keep roff from reading markup where there is none."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + plain if plain.startswith((".", "'")) else plain


def main(arguments: Sequence[str]) -> None:
    """Write all pages into the directory given."""
    if len(arguments) != 1:
        sys.exit("usage: python -m cli.man DIRECTORY")
    directory = Path(arguments[0])
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
