"""What becomes of a promise when the verb that made it is gone, and staying to keep it."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from cli.errors import ExitCode
from dht.node.identity import Identity

if TYPE_CHECKING:
    from cli.context import Context
    from dht.names import Address
    from dht.node.node import Node

_HOUR: Final = 3600
_MINUTE: Final = 60


def outlook(
    context: Context, lifetime: float, *, promised: bool = True, stays: bool = False
) -> dict[str, Any]:
    """Say how long the network will remember, and who keeps it alive; the same as facts."""
    until = time.time() + lifetime
    keeper = Identity.holder(context.settings.state) if promised else None
    if not promised:
        who = "announce it again before that"
    elif keeper is not None:
        who = f"the running node of this state directory (process {keeper}) keeps it alive"
    elif stays:
        who = "this command stays and keeps it alive; stop it with Ctrl-C"
    else:
        who = "start `dhtctl node` to keep it alive longer, or use --keep"
    clock = datetime.fromtimestamp(until).astimezone().strftime("%H:%M")
    told = {"remembered_until_s": round(until), "lifetime_s": lifetime, "kept_by": keeper}
    context.out.note(
        f"the network remembers it until about {clock} ({_lasting(lifetime)}); {who}",
        "remembered",
        **told,
    )
    return told


def kept_by_another(context: Context) -> bool:
    """Whether a node of this state directory is running, which keeps its promises."""
    return Identity.running(context.settings.state) is not None


async def stay(context: Context, node: Node, promise: int | None, address: Address) -> ExitCode:
    """Keep a promise until stopped, or until it is withdrawn.

    Stopped, it leaves the promise standing, as every verb does: a node of this state directory
    will keep it. Whoever does not want that is told how to end it.
    """
    # Everything asked for has been done; to be stopped is from here on the normal end.
    context.when_stopped = ExitCode.DONE
    ended = False
    try:
        if promise is not None:
            await node.keep(promise)
        ended = True
    finally:
        if not ended:
            context.out.note(
                "stopped; the promise stands, and the next `dhtctl node` keeps it: "
                f"`dhtctl forget {address}` withdraws it",
                "stopped",
                promise=promise,
            )
    context.out.note("the promise was withdrawn or replaced: nothing is left to keep")
    return ExitCode.DONE


def _lasting(seconds: float) -> str:
    if seconds >= _HOUR:
        return f"{seconds / _HOUR:g} h"
    return f"{seconds / _MINUTE:g} min"
