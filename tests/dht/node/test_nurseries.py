"""What is used with ``async with``: what its hooks open is closed, whatever happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from dht.node.nurseries import Entered

if TYPE_CHECKING:
    from contextlib import AsyncExitStack


class House(Entered):
    """Writes down what becomes of it.

    Args:
        fails: The hook that does.
    """

    def __init__(self, fails: str = "") -> None:
        self.log: list[str] = []
        self.fails = fails

    def note(self, what: str) -> None:
        self.log.append(what)
        if what == self.fails:
            raise OSError(what)

    async def _entering(self, stack: AsyncExitStack) -> None:
        stack.callback(self.note, "closed")
        self.note("open")

    async def _entered(self, nursery: trio.Nursery) -> None:
        await nursery.start(self.live)
        self.note("alive")

    async def live(self, *, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            self.note("dead")


async def test_tasks_end_before_what_was_open_for_them_is_closed() -> None:
    house = House()
    for _ in range(2):  # It may be entered again.
        async with house as entered:
            assert entered is house
            assert house._inside().child_tasks
        assert house.log == ["open", "alive", "dead", "closed"]
        house.log.clear()


@pytest.mark.parametrize(
    ("fails", "log"),
    [("open", ["open", "closed"]), ("alive", ["open", "alive", "dead", "closed"])],
)
async def test_what_a_failing_hook_leaves_is_closed(fails: str, log: list[str]) -> None:
    house = House(fails)
    with pytest.raises(OSError, match=fails):
        await house.__aenter__()
    assert house.log == log
    with pytest.raises(RuntimeError, match="async with House"):
        house._inside()


async def test_an_error_of_the_block_leaves_it_as_it_was_raised() -> None:
    house = House()
    with pytest.raises(ZeroDivisionError):
        async with house:
            raise ZeroDivisionError
    assert house.log == ["open", "alive", "dead", "closed"]


async def test_it_is_entered_once_at_a_time() -> None:
    async with House() as house:
        with pytest.raises(RuntimeError, match="this House is running already; make another"):
            await house.__aenter__()


async def test_outside_the_block_there_is_no_nursery() -> None:
    house = House()
    with pytest.raises(RuntimeError, match="async with House"):
        house._inside()
    async with house:
        pass
    with pytest.raises(RuntimeError, match="async with House"):
        house._inside()
