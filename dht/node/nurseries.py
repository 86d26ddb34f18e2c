"""A nursery for an object that is its own context manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from contextlib import AsyncExitStack
    from types import TracebackType


async def enter_nursery(stack: AsyncExitStack) -> trio.Nursery:
    """Open a nursery that closes with ``stack``: its tasks are then cancelled and waited for.

    An error of the user's block leaves the block as it was raised. A nursery would wrap it in a
    group, in case its tasks fail as well; ours only fail by our own mistake, and then the user
    gets to see that.
    """
    manager = trio.open_nursery()
    nursery = await manager.__aenter__()

    async def leave(
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        nursery.cancel_scope.cancel()
        if not isinstance(error, Exception):
            # Nothing, or Cancelled: which the nursery must see, for it may be its own.
            return await manager.__aexit__(kind, error, trace)
        await manager.__aexit__(None, None, None)
        return False

    stack.push_async_exit(leave)
    return nursery
