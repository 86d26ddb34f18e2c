"""A short run of the packet fuzzer; ``make fuzz`` makes the long ones."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.damage import MUTATIONS
from tests.fuzz import packets
from tests.fuzz.packets import Target, mutants, run
from tests.fuzzing import main

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT = 20_000


def test_no_mutant_makes_an_exception_escape() -> None:
    target = run(COUNT, seed=20)
    assert target.outcomes.total() == COUNT
    seen = {word for outcome in target.outcomes for word in outcome.split()}
    # The mutants are not so broken that only the outermost check is ever reached.
    assert seen >= {
        "nothing",
        "rejected",
        "answer",
        "refusal",
        "Ping",
        "FindNode",
        "Get",
        "Put",
        "Providers",
        "Announce",
        "Sample",
    }
    assert len(target.asker._transactions) <= 64


def test_one_seed_gives_one_digest() -> None:
    digests = {run(2000, seed=5).witness.hexdigest() for _ in range(2)}
    assert len(digests) == 1
    assert run(2000, seed=6).witness.hexdigest() not in digests


def test_the_packets_that_are_damaged_are_good() -> None:
    target = Target(1)
    stream = target.packets()
    outcomes = [target.receive(next(stream)) for _ in range(24)]
    assert "nothing nothing" not in outcomes
    assert outcomes[0] == "Ping Ping"  # a query is one to either side, an answer to the asker
    assert outcomes[1] == "nothing answer"


@pytest.mark.parametrize("mutation", dict.fromkeys(MUTATIONS))  # some are listed twice, as weights
def test_mutations_mutate(mutation: Callable[[bytes, Random, bytes], bytes]) -> None:
    rng, packet = Random(1), next(Target(1).packets())
    results = {mutation(packet, rng, b"l1:xe") for _ in range(50)}
    assert len(results - {packet}) > 1
    assert mutation(b"d", rng, b"de") is not None


def test_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(packets.__doc__, run, ["--count", "500", "--seed", "3"]) == 0
    out = capsys.readouterr().out
    assert "500 thrown, seed 3" in out
    assert "none escaped" in out


def test_a_failure_names_the_packet(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_self: Target, _data: bytes) -> str:
        raise IndexError("found one")

    monkeypatch.setattr(Target, "receive", stumble)
    with pytest.raises(IndexError):
        run(1, seed=4)
    assert "seed 4: the packet was b" in capsys.readouterr().err


def test_mutants_stay_within_a_datagram() -> None:
    stream = mutants(Target(2), Random(2))
    assert max(len(next(stream)) for _ in range(2000)) <= 8193
