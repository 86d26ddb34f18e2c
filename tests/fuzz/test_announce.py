"""A short run of the fuzzer of announces; ``make fuzz`` makes the long ones."""

from __future__ import annotations

import pytest

from tests.fuzz import announce
from tests.fuzz.announce import SUBJECTS, run
from tests.fuzzing import main

COUNT = 15_000


def test_no_mutant_makes_an_exception_escape() -> None:
    target = run(COUNT, seed=20)
    assert target.outcomes.total() == COUNT
    # The mutants are not so broken that only the outermost check is ever reached.
    assert set(target.outcomes) >= {
        "announced: Peers",
        "announced: Refused",
        "announced: Malformed",
        "scraped: Tallies",
        "datagram: ConnectedConnected",
        "datagram: PeersPeers",
        "datagram: ScrapedScraped",
        "datagram: RefusedRefused",
        "local: LocalAnnounce",
        "local: NoneType",
        "url: BadUrl",
        "url: http",
        "url: https",
        "url: udp",
        "content_range: range",
        "content_range: no range",
    }


def test_what_is_damaged_was_good() -> None:
    bad = {"Malformed", "MalformedMalformed", "NoneType", "no range"}
    for decoder, good in SUBJECTS:
        assert {decoder(data) for data in good} - bad


def test_one_seed_gives_one_digest() -> None:
    digests = {run(1500, seed=5).witness.hexdigest() for _ in range(2)}
    assert len(digests) == 1
    assert run(1500, seed=6).witness.hexdigest() not in digests


def test_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(announce.__doc__, run, ["--count", "300", "--seed", "3"]) == 0
    assert "none escaped" in capsys.readouterr().out


def test_a_failure_names_the_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_data: bytes) -> str:
        raise IndexError("found one")

    monkeypatch.setattr(announce, "SUBJECTS", [(stumble, [b"x"])])
    with pytest.raises(IndexError):
        run(1, seed=4)
    assert "seed 4: stumble was given b" in capsys.readouterr().err
