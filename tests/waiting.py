"""How tests wait: for what they look at, never for a guess of how long it takes.

Where nothing announces what a test waits for (another process, a thread, the far end of a socket),
it is looked at (:func:`until`). Where time itself is the matter, the clock is virtual
(:func:`pass_time`). What is left of ``sleep`` in tests is the moment at which somebody is killed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
import trio.testing

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 30.0
"""Seconds after which what does not come will not come, on the busiest machine."""

LOOK = 0.02
"""Seconds between two looks."""


async def until(holds: Callable[[], object], patience: float = PATIENCE) -> None:
    """Return once it does.

    Args:
        holds: The look.
        patience: Seconds; infinite where the clock is virtual and a thread is waited for.

    Raises:
        trio.TooSlowError: It did not in all that time.
    """
    with trio.fail_after(patience):
        while not holds():  # noqa: ASYNC110 - there is no event, or it would be waited for
            await trio.sleep(LOOK)


async def pass_time(seconds: float) -> None:
    """Let so much virtual time pass; on a real clock it would be a guess, and is refused."""
    assert isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock)
    await trio.sleep(seconds)
