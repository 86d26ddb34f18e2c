"""A short run of the fuzzer of torrents; ``make fuzz`` makes the long ones."""

from __future__ import annotations

from random import Random

import pytest

from tests.fuzz import metainfo
from tests.fuzz.metainfo import CORPUS, damaged_value, run
from tests.fuzzing import main

COUNT = 6000


def test_no_mutant_makes_an_exception_escape() -> None:
    outcomes = run(COUNT, seed=20)
    assert outcomes.outcomes.total() == COUNT
    # The mutants get to every floor of the reader, and some through.
    assert set(outcomes.outcomes) >= {
        "torrent",
        "info",
        "piece layers",
        "Version.V1",
        "Version.V2",
        "Version.HYBRID",
        "link",
        "no link",
    }


def test_one_seed_gives_one_digest() -> None:
    digests = {run(500, seed=5).witness.hexdigest() for _ in range(2)}
    assert len(digests) == 1
    assert run(500, seed=6).witness.hexdigest() not in digests


def test_values_are_damaged() -> None:
    rng = Random(1)
    results = {damaged_value(CORPUS[0], rng, CORPUS[1]) for _ in range(50)}
    assert len(results - {CORPUS[0]}) > 10
    assert damaged_value(b"rubbish", rng, CORPUS[1]) == b"rubbish"


def test_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(metainfo.__doc__, run, ["--count", "300", "--seed", "3"]) == 0
    assert "none escaped" in capsys.readouterr().out


def test_a_failure_names_the_torrent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_data: bytes) -> str:
        raise IndexError("found one")

    monkeypatch.setattr(metainfo, "receive", stumble)
    with pytest.raises(IndexError):
        run(1, seed=4)
    assert "seed 4: number 0, the torrent was b" in capsys.readouterr().err
