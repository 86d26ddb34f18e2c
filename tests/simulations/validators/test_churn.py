"""The compiled events pass V5 and V6."""

from __future__ import annotations

import pytest

from simulations.chance import Chance
from simulations.validators.churn import checks


@pytest.mark.slow
def test_every_check_passes() -> None:
    seen = list(checks(Chance(1).stream("validate", "churn")))
    assert len(seen) == 11
    assert not [check for check in seen if not check.passed]
