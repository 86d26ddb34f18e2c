"""The keys and names of this machine, as verbs use them: passphrases, own names, addresses."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from difflib import get_close_matches
from getpass import getpass
from typing import TYPE_CHECKING, Final

from cli import files
from cli.errors import CommandError, UsageError
from dht import names
from dht.names import Reading
from dht.node.keystore import (
    NAME_PATTERN,
    KeyMissingError,
    Keystore,
    KeystoreError,
    PassphraseError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from cli.context import Context
    from dht.names import Address

MAX_PASSPHRASE: Final = 1024

_HEX_KEY: Final = 40
_SHOWN: Final = 5
"""Names of keys that a hint lists; more are for `dhtctl key list`."""


def keystore(context: Context) -> Keystore:
    """The keys of the state directory."""
    return Keystore(context.settings.state / "keys")


@contextmanager
def explained() -> Iterator[None]:
    """Let what goes wrong with keys and addresses end the command in its style.

    Raises:
        CommandError: For any error of the keystore.
        UsageError: For an address that is none.
    """
    try:
        yield
    except KeystoreError as error:
        raise CommandError(str(error), hint=error.hint) from error
    except names.AddressError as error:
        raise UsageError(str(error), hint=error.hint) from error


def read_address(context: Context, text: str, expect: Iterable[Reading]) -> Address:
    """Read an address that the user typed, with ``--as`` and ``--salt`` where the verb has them.

    The name of a key on this machine, alone or before a slash and a salt, is an address too.

    Raises:
        UsageError: It is none.
    """
    as_ = getattr(context.args, "as_", None)
    salt = getattr(context.args, "salt", None)
    with explained():
        own = _own_name(context, text) if as_ is None else None
        try:
            found = own or names.parse(text, as_, expect=expect)
        except names.AddressError as error:
            word = text.partition("/")[0]
            error.hint = (as_ is None and _meant(keystore(context), word)) or error.hint
            raise
        return found if salt is None else found.with_salt(os.fsencode(salt))


def read_key(context: Context, text: str) -> Address:
    """Read an address of which only the key matters: then bare digits for a key need no ``--as``.

    Raises:
        UsageError: It is none, or may be of two keys.
    """
    # However twenty bytes are read, they are the key.
    expect = (Reading.ITEM,) if len(text.strip()) == _HEX_KEY else ()
    return read_address(context, text, expect)


def _own_name(context: Context, text: str) -> Address | None:
    """The address of a key of ours, if ``text`` is what it is called."""
    word, _, salt = text.partition("/")
    store = keystore(context)
    if not NAME_PATTERN.fullmatch(word) or word not in store.names():
        return None
    return store.show(word).address.with_salt(os.fsencode(salt))


def _meant(store: Keystore, word: str, other: str = "give an address") -> str:
    """Which key of ours was probably meant by ``word``, or what ``other`` to do; empty if none.

    What is typed wrongly is more often the short word that one made up than the long one that
    one pasted.
    """
    called = store.names()
    if not called or not NAME_PATTERN.fullmatch(word):
        return ""
    lowered = {name.lower(): name for name in called}
    near = get_close_matches(word.lower(), lowered, 1)
    if near:
        return f"did you mean your key `{lowered[near[0]]}`?"
    more = f", ... ({len(called)} in all)" if len(called) > _SHOWN else ""
    return f"your keys are called {', '.join(called[:_SHOWN])}{more}; or {other}"


def open_key(context: Context, name: str) -> Ed25519PrivateKey:
    """Open a key to sign with; ask for its passphrase if it has one that nobody gave.

    Raises:
        CommandError: There is no such key, or it does not open.
    """
    store = keystore(context)
    return unlocked(context, name, lambda passphrase: store.load(name, passphrase))


def unlocked(
    context: Context, what: str, opener: Callable[[bytes | None], Ed25519PrivateKey]
) -> Ed25519PrivateKey:
    """Open something with the passphrase from ``--passphrase-file``, environment, or terminal.

    Raises:
        CommandError: It does not open.
    """
    given = _given_passphrase(context)
    with explained():
        try:
            return opener(given)
        except KeyMissingError as error:
            error.hint = _meant(keystore(context), what, error.hint) or error.hint
            raise
        except PassphraseError as error:
            if given is not None or not sys.stdin.isatty():
                error.hint = "give it with --passphrase-file or DHTCTL_PASSPHRASE"
                raise
            return opener(_ask(f"passphrase of {what}: "))


def new_passphrase(context: Context) -> bytes | None:
    """The passphrase to protect a key with, if the user wants one.

    Raises:
        UsageError: There is nobody to ask for it.
    """
    args = context.args
    if args.new_passphrase_file is not None:
        return _first_line(args.new_passphrase_file)
    if not args.encrypt:
        return None
    if not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask for a passphrase on", hint="use --new-passphrase-file"
        )
    chosen = _ask("new passphrase: ")
    if not chosen or _ask("the same again: ") != chosen:
        raise CommandError("the passphrases differ, or are empty", hint="try again")
    return chosen


def _given_passphrase(context: Context) -> bytes | None:
    named: str | None = context.args.passphrase_file
    if named is not None:
        return _first_line(named)
    # Not among the settings: it must not show up in `config show`.
    spoken = os.environ.get("DHTCTL_PASSPHRASE")
    return os.fsencode(spoken) if spoken else None


def _first_line(name: str) -> bytes:
    line = files.read(name, MAX_PASSPHRASE).partition(b"\n")[0].removesuffix(b"\r")
    if not 0 < len(line) <= MAX_PASSPHRASE:
        raise CommandError(f"the first line of {name} is not a passphrase")
    return line


def _ask(prompt: str) -> bytes:
    """Ask on the terminal, without showing what is typed."""
    return os.fsencode(getpass(prompt))
