"""A short run of the fuzzer of manifests; ``make fuzz`` makes the long ones."""

from __future__ import annotations

from tests.fuzz.manifest import SUBJECTS, run

COUNT = 4000


def test_no_mutant_makes_an_exception_escape() -> None:
    target = run(COUNT, seed=20)
    assert target.outcomes.total() == COUNT
    assert set(target.outcomes) >= {
        "manifest: Manifest",
        "manifest: ManifestError",
        "talk: HelperError",
        "talk: End",
        "pack: pack",
        "pack: PackError",
    }


def test_what_is_damaged_was_good() -> None:
    for decoder, good in SUBJECTS:
        assert not {decoder(data) for data in good} & {"ManifestError", "HelperError", "PackError"}


def test_one_seed_gives_one_digest() -> None:
    assert len({run(500, seed=5).witness.hexdigest() for _ in range(2)}) == 1
