from __future__ import annotations

from dataclasses import replace

import pytest

from dht.core.keys import AMINO_SPACE, MAINLINE_SPACE, KeySpace
from simulations.protocol.records import KeyedRecords, OpenRecords


@pytest.mark.parametrize("space", [MAINLINE_SPACE, AMINO_SPACE])
def test_what_is_made_is_valid_and_what_is_changed_is_not(space: KeySpace) -> None:
    rules = KeyedRecords(space)
    plain, signed = rules.immutable(b"v"), rules.signed(b"v", 3, b"alice", b"salt")
    for record in (plain, signed):
        assert rules.admit(record) is rules.verify(record) is None
        assert record.key < 1 << space.bits
    forged = replace(plain, value=b"w")
    assert (refusal := rules.admit(forged)) is not None
    assert refusal.code == 203
    for lie in (replace(signed, value=b"w"), replace(signed, seq=4)):
        assert rules.admit(lie) is None
        assert (refusal := rules.verify(lie)) is not None
        assert refusal.code == 206
    assert rules.admit(replace(signed, signer=b"bob")) is not None


def test_versions_follow_bep_44() -> None:
    rules = KeyedRecords(AMINO_SPACE)
    old, new = rules.signed(b"a", 1, b"s"), rules.signed(b"b", 2, b"s")
    other = rules.signed(b"c", 2, b"s")
    plain = rules.immutable(b"x")
    codes = [
        (old, new, None, None),
        (new, old, None, 302),
        (new, other, None, 302),
        (new, new, None, None),
        (old, new, 1, None),
        (old, new, 7, 301),
        (plain, plain, None, None),
    ]
    for held, offered, cas, code in codes:
        refusal = rules.supersede(held, offered, cas)
        assert (refusal and refusal.code) == code
    assert rules.better(new, old)
    assert not rules.better(old, new)
    assert rules.better(other, new), "all readers choose alike"


def test_open_records_believe_everything() -> None:
    rules = OpenRecords(MAINLINE_SPACE)
    record = replace(rules.immutable(b"v"), value=b"w", signer=b"?", signature=b"!")
    assert rules.admit(record) is rules.verify(record) is None
    assert record.seq == 1
