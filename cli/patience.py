"""Waiting as long as there is progress, and no longer.

A deadline counted from the start kills slow work that goes well; none at all hangs forever on a
network that has fallen silent. So network verbs run under a deadline that every sign of progress
pushes back. A bound on the whole is the user's to set, with ``--timeout``.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import trio

from cli.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.output import Output
    from cli.progress import Progress

PATIENCE: Final = 30.0
"""Seconds without any progress; a lookup's slowest step takes four."""


class Patience:
    """Shows progress, and pushes the deadline back with it."""

    def __init__(self, progress: Progress, scope: trio.CancelScope, seconds: float) -> None:
        self._progress = progress
        self._scope = scope
        self._seconds = seconds
        self.status = ""

    def moved(self, status: str, done: int | None = None, total: int | None = None) -> None:
        """Report progress: in words, and if there is such a thing, ``done`` of ``total``."""
        self.extend()
        self.stands(status, done, total)

    def extend(self) -> None:
        """Push the deadline back."""
        self._scope.deadline = trio.current_time() + self._seconds

    def stands(
        self,
        status: str,
        done: int | None = None,
        total: int | None = None,
        *,
        counted: bool = True,
    ) -> None:
        """Show how it stands, which need not be progress."""
        self.status = status
        self._progress.update(status, done, total, counted=counted)


@contextmanager
def patience(out: Output, label: str, seconds: float = PATIENCE) -> Iterator[Patience]:
    """Do the block's work as long as it reports progress at least every ``seconds``.

    Raises:
        UnreachableError: It did not.
    """
    with out.progress(label) as progress, trio.move_on_after(seconds) as scope:
        waiting = Patience(progress, scope, seconds)
        yield waiting
    if scope.cancelled_caught:
        raise UnreachableError(
            f"{label}: no progress for {seconds:g} s",
            achieved=waiting.status,
            hint="check the connection with `dhtctl doctor`",
        )
