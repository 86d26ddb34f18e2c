from pathlib import Path

import pytest

from tests.dhtctl import Dhtctl, dhtctl_inside
from tests.sim_studies import written


@pytest.fixture
def dhtctl(tmp_path: Path) -> Dhtctl:
    """``dhtctl`` in a directory with a study."""
    written(tmp_path)
    return dhtctl_inside(tmp_path)
