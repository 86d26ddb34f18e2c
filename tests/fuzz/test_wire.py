"""A short run of the peer wire's fuzzer; ``make fuzz`` makes the long ones."""

from __future__ import annotations

import tracemalloc

import pytest

from tests.fuzz import wire
from tests.fuzz.wire import CORE, EXTENSIONS, Target, encode, extended, run
from tests.fuzzing import main


def test_no_mutant_escapes_and_every_message_still_gets_through() -> None:
    target = run(6000, seed=7)
    assert set(target.outcomes) >= {
        "whole",
        "bitfield",
        "refused bitfield",
        "unknown extension",
        "metadata complete",
        *(f"refused extension {number}" for number in (0, 1, 2, 3, 4, 7)),
        *(type(said).__name__ for said in EXTENSIONS),
        *{type(message).__name__ for message in CORE} - {"Extended", "BitfieldMessage"},
    }


def test_memory_stays_bounded() -> None:
    tracemalloc.start()
    try:
        run(1500, seed=3)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20  # the longest stream is 128 KiB; its messages are at most 30 times that


def test_one_seed_gives_one_digest() -> None:
    digests = {run(1000, seed=5).witness.hexdigest() for _ in range(2)}
    assert len(digests) == 1


def test_unharmed_messages_are_all_understood() -> None:
    target = Target()
    stream = b"".join(encode(message) for message in (*CORE, *map(extended, EXTENSIONS)))
    target.receive(stream, [1, 100, 20000], greeting=False)
    assert not [outcome for outcome in target.outcomes if "refused" in outcome or "peer" in outcome]


def test_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(wire.__doc__, run, ["--count", "300", "--seed", "3"]) == 0
    assert "none escaped" in capsys.readouterr().out


def test_a_failure_names_the_stream(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_self: Target, _data: bytes, _cuts: list[int], *, greeting: bool) -> None:
        raise IndexError("found one")

    monkeypatch.setattr(Target, "receive", stumble)
    with pytest.raises(IndexError):
        run(1, seed=4)
    assert "seed 4: the stream was b" in capsys.readouterr().err
