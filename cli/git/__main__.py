"""The program ``git-remote-dht``, which git runs for URLs that begin with ``dht://``."""

from __future__ import annotations

import gc
import os
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, NoReturn

from cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

_FATAL = 128
"""What git's own programs end with."""
_WORDS = 3


def entry() -> NoReturn:
    """Run as the program."""
    try:
        code = main(sys.argv)
    except KeyboardInterrupt:
        code = _FATAL + 2
    except BrokenPipeError:
        code = _FATAL
    # All that was opened is closed; to take the interpreter apart costs who waits a tenth of a
    # second more.
    sys.stderr.flush()
    os._exit(code)


def main(argv: Sequence[str]) -> int:
    """Talk with git until it has heard enough; the exit code."""
    from cli.output import Output  # noqa: PLC0415 - quick mistakes need no imports

    if len(argv) != _WORDS:
        print("git runs this: try `git clone dht://NAME`", file=sys.stderr)
        return _FATAL
    try:
        # What imports make stays: to look through it for garbage takes a tenth of their time.
        gc.disable()
        from cli.git.remote import converse  # noqa: PLC0415

        gc.freeze()
        gc.enable()

        words = Namespace(url=argv[2], verb="git-remote-dht", passphrase_file=None)
        # `git ls-remote` may be run where there is no repository.
        return converse(words, os.environ.get("GIT_DIR"))
    except CommandError as error:
        Output().error(error)
        return _FATAL


if __name__ == "__main__":
    entry()
