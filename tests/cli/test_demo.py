"""``dhtctl demo`` from outside, and what it is made of."""

from __future__ import annotations

import io
import json
import logging
import math
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from cli import parser, session
from cli.actions import demo
from cli.demo import sharing, swarm, trials
from cli.demo.stage import Done, Stage
from cli.demo.trials import Pair, Series, WrongError
from cli.output import Output
from dht.errors import NoNetwork
from dht.testing import Testnet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from dht.core.effects import Evidence
    from tests.dhtctl import Dhtctl

OPERATIONS = list(trials.TRIALS)
SHARED = ["publish both", "mirror both", "fetch from mirrors"]
SMALL = 4 << 20


def test_it_shows_everything_and_ends_with_a_table(dhtctl: Dhtctl) -> None:
    begun = time.monotonic()
    done = dhtctl("demo", DHTCTL_NO_PROGRESS="1")
    took = time.monotonic() - begun
    assert (done.code, done.err) == (0, "")
    assert took < 100  # Ten seconds, and a busy machine.
    for scene in (
        "A network",
        "A value",
        "A name",
        "A CID",
        "10 nodes die",
        "All of it again",
        "A file",
        "A site and a repository",
    ):
        assert f"\n{scene}\n" in done.out
    head, *rows = done.out.partition("all alive")[2].splitlines()[1:9]
    assert head.split() == ["each", "40", "times", *(["p50", "p95", "requests"] * 2)]
    assert [re.split(r"\s{2,}", row)[0] for row in rows] == OPERATIONS
    assert "FAILED" not in done.out
    assert "All of it worked" in done.out.splitlines()[-1]


def test_what_cannot_be_asked_for_is_refused_at_once(dhtctl: Dhtctl) -> None:
    done = dhtctl("demo", "--nodes", "10", "--kill", "9")
    assert (done.code, done.out) == (2, "")
    assert "of 10 nodes, 9 cannot die" in done.err


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Measure little, send a small file; leave no handler of the log behind."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    monkeypatch.setattr(demo, "ROUNDS", 2)
    monkeypatch.setattr(swarm, "SIZE", SMALL)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def play(*words: str) -> int:
    return session.run(parser.build().parse_args(["demo", "--state", "/nowhere", *words]))


@pytest.mark.usefixtures("_short")
def test_it_tells_programs_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert play("--json", "--nodes", "20", "--kill", "5") == 0
    out, err = capsys.readouterr()
    assert err == ""
    told = [json.loads(line) for line in out.splitlines()]
    steps = [each["act"] for each in told if each["type"] == "step"]
    once = ["put", "get", *(["publish", "resolve"] * 2), "provide", "find"]
    assert steps == ["start", *once, "get", "resolve", *once, "seed and fetch", *SHARED]
    [swarm] = [each for each in told if each.get("act") == "seed and fetch"]
    assert (swarm["size_bytes"], swarm["leechers"]) == (SMALL, 3)
    assert swarm["seed_sent_bytes"] >= swarm["size_bytes"]
    assert all(each["ok"] for each in told if each["type"] == "step")
    measured = [each for each in told if each["type"] == "operation"]
    assert [(each["phase"], each["name"]) for each in measured] == [
        (phase, name) for phase in ("before", "after") for name in OPERATIONS
    ]
    for each in measured:
        assert (each["runs"], each["failures"]) == (2, 0)
        assert 0 < each["p50_s"] <= each["p95_s"] < 1
    last = told[-1]
    assert (last["type"], last["nodes"], last["killed"]) == ("demo", 20, 5)
    assert last["elapsed_s"] < 60


@pytest.fixture
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the act that runs processes."""
    monkeypatch.setattr(sharing.Sharing, "possible", False)


@pytest.mark.usefixtures("_short", "_alone")
def test_the_quiet_get_the_table_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert play("--quiet", "--nodes", "12", "--kill", "2") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "A value" not in out
    assert "each 2 times" in out


@pytest.mark.usefixtures("_short", "_alone")
def test_failures_are_shown_and_end_it_with_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def lie(_: Pair) -> Evidence:
        await trio.lowlevel.checkpoint()
        raise WrongError("the moon is not where it should be")

    monkeypatch.setitem(trials.TRIALS, "prove absence", lie)
    assert play("--nodes", "12", "--kill", "2") == 1
    out, err = capsys.readouterr()
    assert "error: 4 operations failed\n  the moon is not where it should be\n" in err
    row = next(line for line in out.splitlines() if line.startswith("prove absence"))
    assert row.split("  ", 1)[1].split() == [*["-", "-", "-", "(2", "failed)"] * 2]
    assert "All of it worked" not in out


# A series.


def test_the_quantile_is_the_nearest_rank() -> None:
    series = Series("x", seconds=[float(n) for n in range(1, 41)])
    assert (series.quantile(0.5), series.quantile(0.95), series.quantile(1.0)) == (20, 38, 40)


@given(st.lists(st.floats(0, 10), min_size=1), st.floats(0.01, 1))
def test_a_quantile_has_its_share_at_or_below_it(seconds: list[float], share: float) -> None:
    value = Series("x", seconds=seconds).quantile(share)
    assert value in seconds
    assert sum(each <= value for each in seconds) >= share * len(seconds) - 1e-9
    assert sum(each < value for each in seconds) < share * len(seconds) + 1e-9


def test_nothing_measured_is_no_number() -> None:
    series = Series("x", failures=["no"])
    assert series.runs == 1
    assert math.isnan(series.quantile(0.5))
    assert math.isnan(series.requests_each)


# Trials notice what is wrong.


async def test_every_trial_succeeds_on_a_healthy_network() -> None:
    async with Testnet(12) as net:
        done: list[int] = []
        table = await trials.measure(net, 3, done.append)
    assert [series.name for series in table] == OPERATIONS
    assert all(series.runs == 3 and not series.failures for series in table)
    assert table[0].requests_each > 0
    assert sorted(done) == [1, 2, 3]


@pytest.mark.parametrize("name", ["get it", "read the name", "find providers"])
async def test_reading_what_nobody_wrote_is_a_failure(name: str) -> None:
    async with Testnet(4) as net:
        series = Series(name)
        await trials.attempt(series, trials.TRIALS[name], Pair.draw(net))
    assert (series.runs, len(series.failures)) == (1, 1)


async def test_finding_what_should_be_absent_is_a_failure() -> None:
    async with Testnet(4) as net:
        pair = Pair.draw(net)
        stored = await pair.writer.put(b"there after all")

        class Loaded:
            def randbytes(self, _: int) -> bytes:
                return stored.key

        pair.rng = Loaded()  # type: ignore[assignment]
        with pytest.raises(WrongError, match="found what nobody stored"):
            await trials.miss(pair)


async def test_what_takes_too_long_is_a_failure(autojump_clock: trio.testing.MockClock) -> None:
    async def hang(_: Any) -> Evidence:
        await trio.sleep_forever()
        raise AssertionError

    series = Series("x")
    await trials.attempt(series, hang, None)  # type: ignore[arg-type]
    assert series.failures == ["not done within 10 s"]


# The stage.


def stage(**options: Any) -> tuple[Stage, io.StringIO]:
    out = io.StringIO()
    return Stage(Output(stdout=out, stderr=io.StringIO(), **options)), out


async def done(told: str) -> Done:
    await trio.lowlevel.checkpoint()
    return Done(told, facts={"colour": "red"})


async def wrong() -> Done:
    await trio.lowlevel.checkpoint()
    raise WrongError("it is green")


async def cut_off() -> Done:
    await trio.lowlevel.checkpoint()
    raise NoNetwork(())


async def never() -> Done:
    await trio.sleep_forever()
    raise AssertionError


async def test_a_step_tells_how_long_it_took() -> None:
    player, out = stage()
    player.scene("A scene", "why")
    await player.step("paint", done("it is red"))
    assert re.fullmatch(r"\nA scene\nwhy\n +[\d.]+ ms  it is red\n", out.getvalue())
    assert player.failures == 0


@pytest.mark.parametrize(
    ("deed", "why"),
    [(wrong, "it is green"), (cut_off, "no network"), (never, "not done within 10 s")],
)
async def test_a_step_that_fails_is_told_and_counted(
    deed: Callable[[], Awaitable[Done]], why: str, autojump_clock: trio.testing.MockClock
) -> None:
    for options in ({}, {"quiet": True}):
        player, out = stage(**options)
        await player.step("paint", deed())
        assert f"FAILED  paint: {why}" in out.getvalue()
        assert player.failures == 1


async def test_a_step_as_json() -> None:
    player, out = stage(json=True)
    await player.step("paint", done("it is red"))
    told = json.loads(out.getvalue())
    elapsed = told.pop("elapsed_s")
    assert told == {"type": "step", "act": "paint", "ok": True, "colour": "red"}
    assert elapsed >= 0
