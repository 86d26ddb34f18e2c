"""What is not installed is named, with the command that installs it."""

from __future__ import annotations

import pytest

from simulations.errors import MissingExtra
from simulations.io import extras


def test_here_everything_is() -> None:
    extras.require_all()
    assert extras.has("numpy")
    assert extras.needed("json.decoder").JSONDecodeError


@pytest.mark.parametrize("package", extras.NEEDED)
def test_what_all_need_is_missed_first(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(MissingExtra, match=f"this needs {package}") as caught:
        extras.require_all()
    assert caught.value.hint == "pip install 'dhtctl[sim]'"


def test_dask_has_an_extra_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as caught:
        extras.needed("distributed")
    assert caught.value.hint == "pip install 'dhtctl[sim,dask]'"
    assert caught.value.package == "distributed"


def test_of_a_module_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="this needs pyarrow, which"):
        extras.needed("pyarrow.parquet")
