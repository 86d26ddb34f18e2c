"""A short run of the fuzzer of whole nodes; ``make fuzz`` makes the long ones."""

from __future__ import annotations

import pytest

from tests.fuzz import engines
from tests.fuzz.engines import Besieged, run
from tests.fuzzing import main


def test_no_mutant_makes_a_node_fall_or_grow_or_forget_an_operation() -> None:
    node = run(8000, seed=7)
    assert node.outcomes.total() == 8000
    # Mutants still get through to everything a node does.
    assert set(node.outcomes) >= {
        "nothing",
        "rejected",
        "Answer",
        "Refusal",
        "Ping",
        "FindNode",
        "Get",
        "Put",
        "Providers",
        "Announce",
        "Sample",
    }
    assert len(node.ended) > 20
    assert len(node.engine.table) > 3


def test_one_seed_gives_one_digest() -> None:
    digests = {run(1500, seed=5).witness.hexdigest() for _ in range(2)}
    assert len(digests) == 1


def test_unharmed_packets_fill_table_and_stores() -> None:
    node = Besieged(1)
    stream = node.packets()
    for _ in range(3000):
        node.receive(next(stream))
    assert len(node.engine.table) > 10
    assert len(node.engine.records) > 5
    assert len(node.engine.providers) > 20


def test_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(engines.__doc__, run, ["--count", "300", "--seed", "3"]) == 0
    assert "none escaped" in capsys.readouterr().out


def test_a_failure_names_the_packet(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_self: Besieged, _data: bytes) -> str:
        raise IndexError("found one")

    monkeypatch.setattr(Besieged, "receive", stumble)
    with pytest.raises(IndexError):
        run(1, seed=4)
    assert "seed 4: the packet was b" in capsys.readouterr().err
