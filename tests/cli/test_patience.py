import io

import pytest
import trio
from trio.testing import MockClock

from cli.errors import UnreachableError
from cli.output import Output
from cli.patience import PATIENCE, patience


@pytest.fixture
def clock(autojump_clock: MockClock) -> MockClock:
    """Time that passes as soon as everybody waits."""
    return autojump_clock


def silent() -> Output:
    return Output(quiet=True, stdout=io.StringIO(), stderr=io.StringIO())


async def test_slow_work_that_goes_on_is_let_go_on(clock: MockClock) -> None:
    with patience(silent(), "asking") as waiting:
        for step in range(20):
            await trio.lowlevel.checkpoint()
            with trio.move_on_after(PATIENCE - 1):
                await trio.sleep_forever()
            waiting.moved(f"{step} asked", step, 20)
    assert trio.current_time() == pytest.approx(20 * (PATIENCE - 1))


async def test_silence_ends_it_and_says_how_far_it_got(clock: MockClock) -> None:
    async def work() -> None:
        with patience(silent(), "asking", seconds=5) as waiting:
            waiting.moved("37 asked, 31 answered")
            await trio.sleep_forever()

    with pytest.raises(UnreachableError, match="asking: no progress for 5 s") as caught:
        await work()
    assert caught.value.achieved == "37 asked, 31 answered"
    assert caught.value.hint
    assert trio.current_time() == pytest.approx(5)


async def test_nothing_is_raised_by_work_that_is_done(clock: MockClock) -> None:
    with patience(silent(), "asking") as waiting:
        await trio.lowlevel.checkpoint()
    assert waiting.status == ""


async def test_other_errors_pass(clock: MockClock) -> None:
    with pytest.raises(KeyError), patience(silent(), "asking"):
        raise KeyError


async def test_a_cancellation_from_outside_is_no_silence(clock: MockClock) -> None:
    with trio.move_on_after(1) as scope, patience(silent(), "asking"):
        await trio.sleep_forever()
    assert scope.cancelled_caught
