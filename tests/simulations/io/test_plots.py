"""Plots on disk: both kinds, the same bytes each time."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from simulations.errors import MissingExtra, ResultError, RunFailed
from simulations.io import extras, plots, results
from tests.sim_studies import runner

if TYPE_CHECKING:
    from pathlib import Path

    from simulations.io.results import Results


def ran(home: Path, *sets: str) -> Results:
    runner(home, *sets).run()
    return results.load(home / "out")


def test_a_png_and_an_svg(tmp_path: Path) -> None:
    png, svg = plots.draw(ran(tmp_path), tmp_path / "figures" / "fig.1")
    assert (png.name, svg.name) == ("fig.1.png", "fig.1.svg")
    assert png.read_bytes().startswith(b"\x89PNG")
    text = svg.read_text(encoding="utf-8")
    ET.fromstring(text)
    for label in ("time (min)", "latency (s)", "share of lookups"):
        assert label in text


def test_the_same_rows_are_the_same_picture(tmp_path: Path) -> None:
    found = ran(tmp_path)
    one = [path.read_bytes() for path in plots.draw(found, tmp_path / "one")]
    other = [path.read_bytes() for path in plots.draw(found, tmp_path / "other")]
    assert one == other
    assert b"<dc:date>" not in one[1]


def test_a_plot_that_fails_is_blamed_and_leaves_nothing(tmp_path: Path) -> None:
    found = ran(tmp_path, "settings.fault=plot")
    with pytest.raises(RunFailed, match="plot fails: TypeError: no pencil"):
        plots.draw(found, tmp_path / "x")
    assert not list(tmp_path.glob("x*"))


def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ResultError, match="cannot be written"):
        plots.draw(ran(tmp_path), tmp_path / "file" / "x")


def test_without_matplotlib_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ran(tmp_path)
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="this needs matplotlib"):
        plots.draw(found, tmp_path / "x")
