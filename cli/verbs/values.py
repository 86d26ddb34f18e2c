"""The words of ``put`` and ``get``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.verbs import (
    FILE,
    add_address,
    add_passphrase,
    add_paths,
    add_region,
    completes,
    natural,
    positive,
)

if TYPE_CHECKING:
    from cli.verbs import Verbs


def register(verbs: Verbs) -> None:
    """Declare them."""
    _put(verbs)
    _get(verbs)


def _put(verbs: Verbs) -> None:
    parser = verbs.add(
        "put",
        "store a value of up to 1000 bytes (bencoded), and print its key",
        about="The value is immutable and lives under its own hash; with --name it is a record of\n"
        "yours that you can update. The network forgets after about two hours: a running\n"
        "`dhtctl node` of the same --state keeps it alive, and so does --keep until you stop it.\n"
        "What is kept is a promise; `dhtctl forget` withdraws it.",
        examples=(
            ("dhtctl put notes.txt", "store a file, print its key"),
            ("date | dhtctl put - --name clock --keep", "publish under your name, and stay"),
        ),
    )
    source = parser.add_mutually_exclusive_group(required=True)
    completes(
        source.add_argument("file", nargs="?", metavar="FILE", help="the value; - is stdin"), FILE
    )
    source.add_argument("--value", metavar="TEXT", help="the value itself")
    parser.add_argument(
        "--bencoded", action="store_true", help="the value is bencoded already (default: a string)"
    )
    named = parser.add_argument_group("updatable records")
    named.add_argument("--name", metavar="NAME", help="sign it with this key (see dhtctl key)")
    named.add_argument("--salt", metavar="TEXT", help="which of the name's records")
    named.add_argument(
        "--seq", type=natural, metavar="N", help="its version (default: one more than the latest)"
    )
    named.add_argument(
        "--cas", type=natural, metavar="N", help="store only where the version held is N"
    )
    add_passphrase(parser)
    parser.add_argument(
        "--min",
        type=positive,
        default=1,
        metavar="COPIES",
        help="fail with exit code 5 if fewer nodes take it (default: 1)",
    )
    parser.add_argument("--keep", action="store_true", help="stay, and republish until stopped")
    add_paths(parser)
    add_region(parser)


def _get(verbs: Verbs) -> None:
    parser = verbs.add(
        "get",
        "print the value of a key or a name",
        about="Writes the bytes of a string as they are, and of any other value its bencoding.\n"
        "Of a name, the newest version that any node has.",
        examples=(
            ("dhtctl get bafyb6i... > notes.txt", "read an immutable value"),
            ("dhtctl get k51qzi5uqu5d.../blog", "read the newest record of a name and a salt"),
        ),
    )
    add_address(parser, "KEY|NAME", "what to read (NAME: also one of your own keys)")
    parser.add_argument("--salt", metavar="TEXT", help="which of the name's records")
    parser.add_argument(
        "--min-seq", type=natural, metavar="N", help="only a version newer than N will do"
    )
    completes(
        parser.add_argument(
            "-o", "--output", metavar="FILE", help="write to FILE instead; - is stdout"
        ),
        FILE,
    )
    add_paths(parser)
