"""Stopping a study: once, however many signals say so.

``timeout`` signals its child and then the whole group, terminals and ``make`` do alike. An echo
that came while workers are being ended would leave them running, and the user without the count
of what is kept. So for a moment after the first signal further ones mean nothing (as in
:mod:`cli.loop`).
"""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ECHO: Final = 0.5
"""Seconds; nobody types faster."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` in the block at SIGINT and SIGTERM, but not for their echo.

    Whoever started us may have said that SIGINT is not for us (``nohup``, a job in the background).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    last = -ECHO

    def stop(*_: object) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        if last - before >= ECHO:
            raise KeyboardInterrupt

    wanted = (signal.SIGINT, signal.SIGTERM)
    heard = {each: signal.getsignal(each) for each in wanted}
    ours = [each for each in wanted if heard[each] is not signal.SIG_IGN]
    for each in ours:
        signal.signal(each, stop)
    try:
        yield
    finally:
        for each in ours:
            signal.signal(each, heard[each])
