"""``dhtctl torrents``: what the state directory holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.errors import ExitCode
from cli.torrents.listing import show
from cli.torrents.stored import Held

if TYPE_CHECKING:
    from cli.context import Context


def run(context: Context) -> ExitCode:
    """List them."""
    held = Held.all(context.settings.state)
    show(context, held)
    if not held:
        context.out.note("no torrents; `dhtctl seed PATH` and `dhtctl fetch MAGNET` make some")
    return ExitCode.DONE
