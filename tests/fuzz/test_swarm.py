"""A short run of the fuzzer of whole swarms; ``make fuzz`` makes the long ones."""

from __future__ import annotations

import pytest

from tests.fuzz import swarm
from tests.fuzz.swarm import Besieged, run
from tests.fuzzing import main


def test_nothing_makes_a_swarm_fall_or_grow() -> None:
    siege = run(8_000, seed=7)
    assert siege.born > 1
    # All that a swarm does happens.
    wanted = {"Close", "Ready", "Dial", "DhtNode", "Verify", "Passed", "Failed", "Banned"}
    assert set(siege.outcomes) >= wanted


def test_one_seed_gives_one_digest() -> None:
    digests = {run(2_000, seed=5).witness.hexdigest() for _ in range(2)}
    assert len(digests) == 1


def test_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(swarm.__doc__, run, ["--count", "300", "--seed", "3"]) == 0
    assert "none escaped" in capsys.readouterr().out


def test_a_failure_names_the_step(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_self: Besieged) -> None:
        raise IndexError("found one")

    monkeypatch.setattr(Besieged, "step", stumble)
    with pytest.raises(IndexError):
        run(1, seed=4)
    assert "seed 4: step 0" in capsys.readouterr().err
