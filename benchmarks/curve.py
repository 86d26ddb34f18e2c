"""What a simulated network costs against its size, as a table and a figure.

    python -m benchmarks.curve docs/cost

writes ``docs/cost.csv`` and ``docs/cost.svg``: full lookups at k = 20 and alpha = 3 on networks of
1,000 to 4,000,000 nodes, each in a process of its own, by all cores, after compilation. 4M nodes
need 8 GB. What grows is a lookup's way (a few requests more a decade) and, where tables no longer
fit a cache, the price of a request.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import describe
from benchmarks.sim_lookup import LARGEST, SIZES, measured

LOOKUPS: Final = 200_000
COLUMNS: Final = ("nodes", "build_s", "bytes_per_node", "lookups_per_s", "requests_per_lookup")


def points(largest: int) -> list[dict[str, float]]:
    """One row for each size."""
    rows = []
    for nodes in (each for each in (*SIZES, LARGEST) if each <= largest):
        made = measured(nodes, LOOKUPS)
        values = (
            nodes,
            round(made["build"], 4),
            round(made["tables"] / nodes),
            round(made["lookups"] / made["walk"]),
            round(made["requests"], 2),
        )
        rows.append(dict(zip(COLUMNS, values, strict=True)))
        print(*values, flush=True)
    return rows


def draw(rows: list[dict[str, float]], path: Path) -> None:
    """Draw what building takes, and how many lookups a second there are."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.2), layout="constrained")
    left: Any = figure.add_subplot(1, 2, 1)
    right: Any = figure.add_subplot(1, 2, 2)
    nodes = [row["nodes"] for row in rows]
    left.loglog(nodes, [row["build_s"] for row in rows], "o-")
    left.set(xlabel="nodes", ylabel="seconds to build", title="All tables, k = 20")
    right.loglog(nodes, [row["lookups_per_s"] for row in rows], "o-")
    right.set(xlabel="nodes", ylabel="full lookups a second", title="Lookups, alpha = 3")
    for axes in (left, right):
        axes.grid(visible=True, which="both", alpha=0.3)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, write, draw."""
    parser = argparse.ArgumentParser(description="what a network costs against its size")
    parser.add_argument("out", type=Path, help="where to, without a suffix")
    parser.add_argument("--largest", type=int, default=LARGEST, help="leave out larger networks")
    asked = parser.parse_args()
    rows = points(asked.largest)
    with asked.out.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, asked.out.with_suffix(".svg"))
    print(describe())


if __name__ == "__main__":
    main()
