"""The program's first and last lines: ``dhtctl``, or ``python -m cli``.

Ctrl-C may come at any time, also while Python still imports, or already takes itself apart; then
nobody is there to catch it, and a traceback of the import system is what the user sees. There is
nothing to clean up at those moments. So around :func:`cli.main.main`, which deals with it, an
interrupt ends the process at once, in silence, with the code it stands for.

Nothing else may be imported here before that is arranged.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

_INTERRUPTED = 130
"""As :class:`cli.errors.ExitCode` has it."""


def _vanish(*_: object) -> None:
    os._exit(_INTERRUPTED)


# Whoever started us may have said that Ctrl-C is not for us (``nohup``, a job in the background).
_HEARD = signal.getsignal(signal.SIGINT) is signal.default_int_handler
if _HEARD:
    signal.signal(signal.SIGINT, _vanish)


def entry() -> NoReturn:
    """Run as the program ``dhtctl``."""
    from cli import main  # noqa: PLC0415 - see above

    code = _INTERRUPTED
    try:
        if _HEARD:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = main.program()
        if _HEARD:
            signal.signal(signal.SIGINT, _vanish)
    except KeyboardInterrupt:
        _vanish()
    sys.exit(code)


if __name__ == "__main__":
    entry()
