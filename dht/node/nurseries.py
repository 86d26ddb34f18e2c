"""Objects that are their own context manager, and have tasks of their own until they are left."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class Entered:
    """Base of what is used with ``async with``: between its two ends there is a nursery.

    Who derives from it says in two hooks what to open. If a hook fails, all that was opened until
    then is closed again, and nothing was entered; else all of it is closed, the last first, when
    the block ends.
    """

    _stack: AsyncExitStack | None = None
    _nursery: trio.Nursery | None = None
    """Where the tasks live; ``None`` outside the block."""

    async def _entering(self, stack: AsyncExitStack) -> None:
        """Open what shall outlive the tasks: it closes with ``stack``."""

    async def _entered(self, nursery: trio.Nursery) -> None:
        """Start the tasks."""

    def _inside(self) -> trio.Nursery:
        """The nursery; it is our user's mistake if there is none.

        Raises:
            RuntimeError: It was not entered, or it was left.
        """
        if self._nursery is None:
            raise RuntimeError(f"use it inside `async with {type(self).__name__}(...)`")
        return self._nursery

    async def __aenter__(self) -> Self:
        if self._stack is not None:
            raise RuntimeError(f"this {type(self).__name__} is running already; make another")
        async with AsyncExitStack() as stack:
            await self._entering(stack)
            stack.callback(setattr, self, "_nursery", None)
            self._nursery = await _enter_nursery(stack)
            await self._entered(self._nursery)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        stack, self._stack = self._stack, None
        return None if stack is None else await stack.__aexit__(kind, error, trace)


async def _enter_nursery(stack: AsyncExitStack) -> trio.Nursery:
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
