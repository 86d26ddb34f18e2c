"""Runs the deeds that talk to the network: under trio, with a deadline, stoppable by signals.

SIGINT and SIGTERM cancel the deed, so that its node leaves cleanly and its state is saved; the
second SIGINT kills, as people expect who press Ctrl-C twice. But the echo of a signal is not a
second one: ``timeout`` signals its child and then the whole group, ``make`` and shells pass on what
the terminal sent to everybody. So for a moment further signals mean nothing.
"""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING, Any, Final

import trio

from cli.errors import CommandError, ExitCode, StoppedError, UnreachableError
from cli.failures import translated
from dht.errors import DhtError
from torrent.errors import TorrentError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from cli.context import Context
    from cli.output import Output

_ECHO: Final = 0.5
"""Seconds after a signal in which further ones are taken for its echo; nobody types faster."""
_LEVELS: Final = (logging.WARNING, logging.INFO, logging.DEBUG)


def drive(deed: Coroutine[Any, Any, ExitCode], context: Context) -> ExitCode:
    """Run ``deed`` to its end.

    Raises:
        CommandError: The deed's, or that it was stopped or ran out of time.
    """
    _log_to(context.out, context.settings.verbose)
    try:
        return trio.run(_supervised, deed, context)
    except (DhtError, TorrentError) as problem:
        raise translated(problem) from problem
    except BaseExceptionGroup as group:
        error = _only(group)
        if error is None:
            raise
        raise error from group


async def _supervised(deed: Coroutine[Any, Any, ExitCode], context: Context) -> ExitCode:
    """Run the deed beside a task that waits for signals."""
    limit = context.settings.timeout
    stopped = False
    code = ExitCode.DONE
    echo = trio.CancelScope(shield=True)
    async with trio.open_nursery() as nursery:

        async def stop_on_signal(*, task_status: trio.TaskStatus[None]) -> None:
            nonlocal stopped
            with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                task_status.started()
                async for _ in signals:
                    break
                stopped = True
                nursery.cancel_scope.cancel()
                with echo, trio.move_on_after(_ECHO):
                    async for _ in signals:
                        pass
            # The handlers are Python's own again: another Ctrl-C kills.

        await nursery.start(stop_on_signal)
        try:
            with trio.move_on_after(limit if limit is not None else float("inf")) as scope:
                code = await deed
        finally:
            echo.cancel()
        nursery.cancel_scope.cancel()
    ended = stopped or scope.cancelled_caught
    if ended and context.when_stopped is not ExitCode.INTERRUPTED:
        return context.when_stopped
    if stopped:
        raise StoppedError("interrupted")
    if scope.cancelled_caught:
        raise UnreachableError(
            f"time ran out after {limit:g} s",
            hint="give it longer with --timeout, or leave that out",
            timeout_s=limit,
        )
    return code


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    """The one error that a group is about, if there is one that we can explain."""
    leaves: list[BaseException] = []
    waiting: list[BaseException] = [group]
    while waiting:
        error = waiting.pop()
        if isinstance(error, BaseExceptionGroup):
            waiting.extend(error.exceptions)
        else:
            leaves.append(
                translated(error) if isinstance(error, DhtError | TorrentError) else error
            )
    # A broken pipe is explained too: by main, with silence.
    explained = (CommandError, KeyboardInterrupt, BrokenPipeError)
    known = [leaf for leaf in leaves if isinstance(leaf, explained)]
    return known[0] if len(known) == len(leaves) else None


class _Handler(logging.Handler):
    """Passes the log on to the printer."""

    def __init__(self, out: Output) -> None:
        super().__init__()
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        self._out.log(record.levelname.lower(), record.name, record.getMessage())


def _log_to(out: Output, verbose: int) -> None:
    root = logging.getLogger()
    root.addHandler(_Handler(out))
    root.setLevel(_LEVELS[min(verbose, len(_LEVELS) - 1)])
