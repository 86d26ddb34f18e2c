"""``dhtctl sim compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cli.errors import ExitCode
from cli.sim.figures import finite, interval, number, plus_minus, told
from cli.tables import aligned
from simulations.io import results

if TYPE_CHECKING:
    from cli.context import Context
    from cli.output import Output
    from simulations.io.results import Difference, Results
    from simulations.statistics import Interval

_COLUMNS: Final = ("found_closest", "hops", "requests", "timeouts", "latency_s")
"""Columns whose distributions are compared, where both have them."""


def run(context: Context) -> ExitCode:
    """Print what differs, and how surely."""
    out, args = context.out, context.args
    one, other = results.load(args.one), results.load(args.other)
    found = one.compare(other)
    if out.json:
        for each in found:
            _print(out, each)
    else:
        out.result("table", _table(found))
    _apart(out, one, other)
    if one.digest == other.digest:
        out.note("they are the same, row by row")
    return ExitCode.DONE


def _table(found: list[Difference]) -> str:
    points: dict[str, list[Difference]] = {}
    for each in found:
        points.setdefault(told(each.values), []).append(each)
    how = "of pairs of equal seeds" if found[0].paired else "of independent runs"
    lines = [line for point, some in points.items() for line in _lines(point, some)]
    return "\n".join([*lines, f"differences {how}; * where 0 is outside"])


def _lines(point: str, found: list[Difference]) -> list[str]:
    """The differences of one point of a sweep."""
    head = ["figure", "A", "± 95 %", "B", "± 95 %", "B - A", "± 95 %", "unit", ""]
    rows = [
        [
            each.name,
            *(cell for i in (each.one, each.other, each.change) for cell in _cells(i)),
            each.unit,
            "*" if _differs(each) else "",
        ]
        for each in found
    ]
    return [*([point] if point else []), *aligned([head, *rows]), ""]


def _cells(one: Interval) -> tuple[str, str]:
    return number(one.middle), plus_minus(one)


def _differs(each: Difference) -> bool:
    low, high = each.change.low, each.change.high
    return low > 0 or high < 0


def _print(out: Output, each: Difference) -> None:
    out.result(
        "difference",
        "",
        name=each.name,
        unit=each.unit,
        **interval(each.one, "a_"),
        **interval(each.other, "b_"),
        **interval(each.change, "change_"),
        paired=each.paired,
        differs=_differs(each),
        values=dict(each.values),
    )


def _apart(out: Output, one: Results, other: Results) -> None:
    """How far distributions are apart, over all rows."""
    ours, theirs = one.rows, other.rows
    for column in _COLUMNS:
        if column in ours and column in theirs:
            distance, p = one.apart(other, column)
            out.result(
                "distribution",
                f"{column}: Kolmogorov's distance {number(distance)} (p = {p:.2g}, "
                "were all rows independent)",
                column=column,
                distance=finite(distance),
                p=finite(p),
            )
