"""The grammar as a whole: every promise of the help must hold."""

import contextlib
import io
import re
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import grammar, parser, shells
from cli.errors import UsageError
from cli.options import OPTIONS, Shape
from dht.names import Reading

COMMANDS = list(grammar.walk(grammar.commands()))
PARSER = parser.build()
NAMES = [option.name for option in OPTIONS]


def example_lines() -> list[str]:
    return sorted({line for command in COMMANDS for line, _ in command.examples})


@pytest.mark.parametrize("line", example_lines())
def test_every_example_parses(line: str) -> None:
    """Each ``dhtctl`` of an example line is a command that the parser accepts."""
    parts = [shlex.split(part) for part in re.split(r"&&|\||\$\(|<\(|\)|>", line)]
    calls = [words[words.index("dhtctl") + 1 :] for words in parts if "dhtctl" in words]
    assert calls
    for words in calls:
        assert PARSER.parse_args(words).verb == words[0]


def test_all_but_the_top_have_two_examples_of_their_own() -> None:
    for command in COMMANDS:
        own = [line for line, _ in command.examples if " ".join(("dhtctl", *command.path)) in line]
        assert len(own) >= 2 or not command.path, command.path


def test_every_word_is_explained() -> None:
    for command in COMMANDS:
        assert command.about
        for word in (*command.options, *command.arguments):
            assert word.help, (command.path, word)
            assert not word.help.endswith(".")
            assert "%" not in word.help


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["config", "path"], {}),
        (["--json", "config", "path"], {"json": True}),
        (["--state", "a", "config", "path", "--state", "b"], {"state": "b"}),
        (["-v", "config", "-vv", "path", "-v"], {"verbose": 4}),
        (
            ["--bootstrap", "a:1", "--bootstrap", "b:2", "config", "--bootstrap", "c:3", "path"],
            {"bootstrap": ["a:1", "b:2", "c:3"]},
        ),
        (["status", "-q", "--timeout", "2m"], {"quiet": True, "timeout": "2m"}),
    ],
)
def test_global_options(words: list[str], expected: dict[str, object]) -> None:
    assert parser.given(PARSER.parse_args(words)) == expected


@pytest.mark.parametrize(
    ("words", "meant"),
    [(["puut"], "put"), (["key", "lst"], "list"), (["get", "x", "--as", "itm"], "item")],
)
def test_a_slip_is_answered_with_what_was_meant(words: list[str], meant: str) -> None:
    with pytest.raises(UsageError, match="invalid choice") as caught:
        PARSER.parse_args(words)
    assert caught.value.hint == f"did you mean `{meant}`?"


def test_words_that_stand_in_two_places_agree() -> None:
    """The parser repeats some words of the packages below, which it must not import."""
    options = {
        (command.path, flag): set(word.choices)
        for command in COMMANDS
        for word in command.options
        for flag in word.flags
    }
    readings = [choices for (_, flag), choices in options.items() if flag == "--as"]
    assert len(readings) >= 6
    assert all(choices == set(Reading) for choices in readings)
    (shell,) = [word for c in COMMANDS if c.path == ("completion",) for word in c.arguments]
    assert shell.choices == shells.SHELLS


def test_only_the_top_shows_global_options() -> None:
    for command in COMMANDS:
        shown = {flag for word in command.options for flag in word.flags}
        ours = {f"--{option.name}" for option in OPTIONS}
        if not command.path:
            assert ours <= shown
        else:  # Where `serve` listens is where browsers find it.
            assert ours & shown == ({"--listen"} if command.path == ("serve",) else set())


def test_negative_numbers_are_not_options() -> None:
    with pytest.raises(UsageError, match="--seq"):
        PARSER.parse_args(["put", "x", "--seq", "-1"])


def test_arguments_keep_their_defaults() -> None:
    args = PARSER.parse_args(["put", "notes.txt"])
    assert (args.verb, args.file, args.min, args.paths, args.keep) == (
        "put",
        "notes.txt",
        1,
        1,
        False,
    )
    assert PARSER.parse_args(["provide", "x", "--port", "0"]).port == 0
    assert PARSER.parse_args(["testnet", "--loss", "0.25"]).loss == 0.25
    assert PARSER.parse_args(["sample"]).key is None


PLACED = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(OPTIONS), st.sampled_from("abc")))


@given(PLACED)
def test_a_global_option_means_the_same_everywhere(placed: list[tuple[int, Any, str]]) -> None:
    """Options strewn over a command line do what they would do in that order before it."""
    places: list[list[str]] = [[], [], []]
    expected: dict[str, Any] = {}
    for place, option, letter in sorted(placed, key=lambda each: each[0]):
        value = option.choices[0] if option.choices else letter
        places[place].append(f"--{option.name}")
        if option.shape is Shape.SWITCH:
            expected[option.name] = True
        elif option.shape is Shape.COUNT:
            expected[option.name] = expected.get(option.name, 0) + 1
        else:
            places[place].append(value)
            several = [*expected.get(option.name, []), value]
            expected[option.name] = several if option.shape is Shape.WORDS else value
    words = [*places[0], "config", *places[1], "show", *places[2]]
    args = PARSER.parse_args(words)
    assert parser.given(args) == expected
    assert (args.verb, args.what) == ("config", "show")


WORDS = sorted(
    {flag for command in COMMANDS for word in command.options for flag in word.flags}
    | {word for command in COMMANDS for word in command.path}
    | {"-", "--", "", "x", "1", "-1", "0.5", "--json=1", "--min=3", "-vvv", "-n5", "@x", "\0"}
)


@given(st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), max_size=8))
def test_whatever_is_typed_either_parses_or_is_a_usage_error(words: list[str]) -> None:
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            args = PARSER.parse_args(words)
    except UsageError as error:
        outcome: object = bool(error.message and error.hint)
    except SystemExit as end:
        # --help and --version
        outcome = end.code == 0 and bool(printed.getvalue())
    else:
        outcome = args.verb in words and set(parser.given(args)) <= set(NAMES)
    assert outcome
