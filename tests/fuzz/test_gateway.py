"""A short run of the fuzzer of requests; ``make fuzz`` makes the long ones."""

from __future__ import annotations

import pytest

from tests.fuzz import gateway
from tests.fuzz.gateway import run
from tests.fuzzing import main

COUNT = 5000


def test_no_mutant_makes_an_exception_escape() -> None:
    outcomes = run(COUNT, seed=20)
    assert outcomes.outcomes.total() == COUNT
    # The mutants get to every floor, and some through.
    assert set(outcomes.outcomes) >= {
        "Found 200",
        "Found 206",
        "Found 304",
        "Found 416",
        "Listed 200",
        "Moved 200",
        "no 400",
        "no 421",
        "refused 400",
        "refused 405",
        "unfinished",
    }


def test_one_seed_gives_one_digest() -> None:
    digests = {run(500, seed=5).witness.hexdigest() for _ in range(2)}
    assert len(digests) == 1
    assert run(500, seed=6).witness.hexdigest() not in digests


def test_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(gateway.__doc__, run, ["--count", "300", "--seed", "3"]) == 0
    assert "none escaped" in capsys.readouterr().out


def test_a_failure_names_the_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object) -> str:
        raise IndexError("found one")

    monkeypatch.setattr(gateway, "receive", stumble)
    with pytest.raises(IndexError):
        run(1, seed=4)
    assert "seed 4: number 0, the request was b" in capsys.readouterr().err
