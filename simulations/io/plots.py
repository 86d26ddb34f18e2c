"""Figures on disk: PNG and SVG, the same bytes for the same rows.

matplotlib's Agg needs no display. An SVG of matplotlib carries the date and random ids unless told
otherwise; told, it can be kept under version control, and a test can compare it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from simulations.io import files
from simulations.io.extras import needed
from simulations.io.usercode import blamed

if TYPE_CHECKING:
    from pathlib import Path

    from simulations.io.results import Results

STYLE: Final[dict[str, Any]] = {
    "svg.hashsalt": "dhtctl",
    "svg.fonttype": "none",  # text stays text: it can be found, and set in the paper's type
    "figure.dpi": 150,
    "savefig.dpi": 200,
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
WIDTH, HEIGHT = 4.2, 3.1
"""Inches of a panel: two fill a page's width."""


def draw(results: Results, stem: Path) -> list[Path]:
    """Draw the experiment's plot as ``stem.png`` and ``stem.svg``; their paths.

    Raises:
        MissingExtra: matplotlib is not installed.
        ResultError: They cannot be written there.
    """
    matplotlib = needed("matplotlib")
    figures = needed("matplotlib.figure")
    experiment = results.experiment()
    panels = experiment.panels
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE, "backend": "agg"}):
        figure = figures.Figure(figsize=(WIDTH * panels, HEIGHT), layout="constrained")
        axes = list(figure.subplots(1, panels, squeeze=False)[0])
        with blamed("plot", results.codes):
            experiment.plot(axes, results.rows)
        return [_saved(figure, stem, kind) for kind in ("png", "svg")]


def _saved(figure: Any, stem: Path, kind: str) -> Path:
    sink = io.BytesIO()
    nobody = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
    figure.savefig(sink, format=kind, metadata=nobody)
    path = stem.with_name(f"{stem.name}.{kind}")
    files.write(path, sink.getvalue())
    return path
