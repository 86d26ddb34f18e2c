from __future__ import annotations

from simulations.chance import Chance
from simulations.validators.lookups import checks


def test_tables_and_lookups_are_what_theory_says() -> None:
    found = list(checks(Chance(1)))
    assert [check.name for check in found if not check.passed] == []
    forms = {check.name.split()[0] for check in found}
    assert forms == {"V1", "V2", "V3", "V4", "V9", "V11", "Roos"}
