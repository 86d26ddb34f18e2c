"""The words of ``key``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.verbs import FILE, add_passphrase, completes

if TYPE_CHECKING:
    from cli.parser import Parser
    from cli.verbs import Verbs


def register(verbs: Verbs) -> None:
    """Declare them."""
    parser = verbs.add(
        "key",
        "make, list and move the keys that sign your names",
        about="A name is an Ed25519 key: whoever has the key can publish under the name. Keys are\n"
        "kept in the state directory, readable by you alone, and never overwritten.",
        examples=(
            ("dhtctl key new blog", "make a key and print its name"),
            ("dhtctl key export blog > blog.pem", "take a key along, as PEM"),
        ),
    )
    words = verbs.nest(parser)
    new = words.add(
        "new",
        "make a key and print its name",
        examples=(
            ("dhtctl key new blog", "make the key called blog"),
            ("dhtctl key new vault --encrypt", "make a key that a passphrase protects"),
        ),
    )
    _add_name(new)
    _add_encrypt(new)
    words.add(
        "list",
        "list all keys",
        examples=(
            ("dhtctl key list", "names and addresses"),
            ("dhtctl key list --json", "the same, for a program"),
        ),
    )
    show = words.add(
        "show",
        "print the name that a key writes under, in every form",
        examples=(
            ("dhtctl key show blog", "its address, magnet link, peer id and public key"),
            ("dhtctl key show blog --json", "the same, for a program"),
        ),
    )
    _add_name(show)
    _export(words)
    _import(words)


def _export(words: Verbs) -> None:
    parser = words.add(
        "export",
        "print a private key as PEM (PKCS#8)",
        about="Whoever reads the output can publish under the name: protect it.",
        examples=(
            ("dhtctl key export blog > blog.pem", "as it is, for ipfs key import and openssl"),
            ("dhtctl key export blog --encrypt -o blog.pem", "under a new passphrase"),
        ),
    )
    _add_name(parser)
    add_passphrase(parser)
    completes(
        parser.add_argument("-o", "--output", metavar="FILE", help="write to a new file instead"),
        FILE,
    )
    _add_encrypt(parser)


def _import(words: Verbs) -> None:
    parser = words.add(
        "import",
        "store a private key made elsewhere",
        about="Takes PEM (PKCS#8), libp2p's protobuf (binary, base64 or hexadecimal), or a seed\n"
        "of 32 bytes in hexadecimal.",
        examples=(
            ("dhtctl key import blog blog.pem", "from a file"),
            ("ipfs key export -o - blog | dhtctl key import blog -", "from IPFS"),
        ),
    )
    _add_name(parser)
    completes(parser.add_argument("file", metavar="FILE", help="the private key; - is stdin"), FILE)
    add_passphrase(parser)
    _add_encrypt(parser)


def _add_name(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="what you call the key on this machine")


def _add_encrypt(parser: Parser) -> None:
    """Take the wish for a new passphrase."""
    parser.add_argument(
        "--encrypt", action="store_true", help="protect it with a new passphrase, asked for"
    )
    completes(
        parser.add_argument(
            "--new-passphrase-file",
            metavar="FILE",
            help="protect it with the passphrase on the first line of FILE",
        ),
        FILE,
    )
