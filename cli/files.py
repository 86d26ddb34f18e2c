"""Files that the user names on the command line; ``-`` is stdin or stdout."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cli.errors import CommandError


def read(name: str, limit: int) -> bytes:
    """Read a file whole, or its first ``limit + 1`` bytes so that the caller sees it is too big.

    Raises:
        CommandError: It cannot be read.
    """
    try:
        if name == "-":
            if sys.stdin is None:
                raise CommandError("cannot read -: stdin is closed")
            return sys.stdin.buffer.read(limit + 1)
        with Path(name).open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise CommandError(f"cannot read {name}: {error.strerror}") from error


def may_wait(name: str) -> bool:
    """Whether reading it can take for ever: a pipe, a terminal, a socket."""
    path = Path(name)
    return name == "-" or path.is_fifo() or path.is_char_device() or path.is_socket()


def write_new(name: str, data: bytes, *, private: bool = False) -> None:
    """Write a file that does not exist yet; ``private``: readable by its owner alone.

    Raises:
        CommandError: It exists, or cannot be written.
    """
    try:
        descriptor = os.open(
            name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666
        )
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except FileExistsError:
        raise CommandError(
            f"{name} exists already", hint="nothing is overwritten: choose another file"
        ) from None
    except OSError as error:
        raise CommandError(f"cannot write {name}: {error.strerror}") from error


def write(name: str, data: bytes) -> None:
    """Write a file whole, in place of an older one.

    Raises:
        CommandError: It cannot be written.
    """
    try:
        Path(name).write_bytes(data)
    except OSError as error:
        raise CommandError(f"cannot write {name}: {error.strerror}") from error
