"""Progress: a bar for people who watch, plain lines for logs, nothing for the quiet.

Each is driven by a thread of its own, because what must not fall silent is exactly the program
that is busy or stuck. ``rich`` is imported when the first bar is drawn, not before: it costs more
than most commands take.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Any, TextIO

INTERVAL: Final = 10.0
"""Seconds: longer silence makes people wonder, and watchdogs act."""


class Progress(Protocol):
    """Something that shows how far we are."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End, leaving no trace."""
        ...

    def update(
        self,
        status: str,
        done: int | None = None,
        total: int | None = None,
        *,
        counted: bool = True,
    ) -> None:
        """Say where we are: in words, and if there is such a thing, ``done`` of ``total``.

        ``counted``: these are things to be told in numbers; otherwise the words tell them too.
        """
        ...

    def paused(self) -> AbstractContextManager[None]:
        """Make room for other output while the block runs."""
        ...


class _Ending:
    """Ends like a context manager that lets every error pass."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release what is held."""

    def paused(self) -> AbstractContextManager[None]:
        """Nothing is in the way."""
        return nullcontext()


class Silence(_Ending):
    """No progress shown."""

    def __enter__(self) -> Self:
        return self

    def update(
        self,
        status: str,
        done: int | None = None,
        total: int | None = None,
        *,
        counted: bool = True,
    ) -> None:
        """Nobody wants to know."""


class Lines(_Ending):
    """A plain line now and then, with the latest status."""

    def __init__(
        self, label: str, write: Callable[[str], None], interval: float = INTERVAL
    ) -> None:
        self._label = label
        self._write = write
        self._interval = interval
        self._status = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop; no line comes after this."""
        self._over.set()
        self._thread.join()

    def update(
        self,
        status: str,
        done: int | None = None,
        total: int | None = None,
        *,
        counted: bool = True,
    ) -> None:
        """Remember the status for the next line."""
        self._status = f"{status} ({done} of {total})" if total and counted else status

    @property
    def running(self) -> bool:
        """Whether a line may still come."""
        return self._thread.is_alive()

    def _run(self) -> None:
        started = time.monotonic()
        while not self._over.wait(self._interval):
            elapsed = f"{time.monotonic() - started:.0f} s"
            self._write(f"{self._label}: {self._status or 'still at it'}, {elapsed}")


class Bar(_Ending):
    """A spinner, or a bar once a total is known, that vanishes at the end."""

    def __init__(self, label: str, stream: TextIO) -> None:
        self._display, self._task = _draw(label, stream)

    def __enter__(self) -> Self:
        self._display.start()
        return self

    def close(self) -> None:
        """Wipe it off the screen."""
        self._display.stop()

    def update(
        self,
        status: str,
        done: int | None = None,
        total: int | None = None,
        *,
        counted: bool = True,
    ) -> None:
        """Show the status."""
        self._display.update(self._task, status=status, completed=done or 0, total=total)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Wipe it, let the block print, draw it again."""
        self._display.stop()
        try:
            yield
        finally:
            self._display.start()


def _draw(label: str, stream: TextIO) -> tuple[Any, Any]:
    """Build rich's display of one task."""
    rich = import_module("rich.progress")
    console = import_module("rich.console").Console(file=stream, highlight=False)
    display = rich.Progress(
        rich.SpinnerColumn(),
        rich.TextColumn("{task.description}", markup=False),
        rich.BarColumn(bar_width=24),
        rich.TextColumn("{task.fields[status]}", markup=False),
        rich.TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    return display, display.add_task(label, total=None, status="")
