"""The torrents of a state directory as a table, for ``torrents`` and ``status``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.tables import aligned
from cli.torrents.stored import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.context import Context
    from cli.torrents.stored import Held


def show(context: Context, held: Sequence[Held], heading: str = "", indent: str = "") -> None:
    """Print one line each, after a heading if there are any."""
    if held and heading and not context.out.json:
        context.out.result("torrents", f"{heading}{len(held)}")
    lines = aligned([each.cells() for each in held], left=COLUMNS)
    for each, line in zip(held, lines, strict=True):
        context.out.result("torrent", f"{indent}{line}  {each.told()}", **each.facts())
