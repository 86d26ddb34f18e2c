"""``dhtctl lookup``: list the live nodes closest to a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from cli.errors import ExitCode
from cli.evidence import sentence
from cli.keys import read_key
from dht.core.keys import MAINLINE_SPACE
from dht.node.config import format_address

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from cli.context import Context


def run(context: Context) -> Coroutine[Any, Any, ExitCode]:
    """Walk there, and print whom we met, nearest first."""
    return _walk(context, read_key(context, context.args.key).mainline_key)


async def _walk(context: Context, key: bytes) -> ExitCode:
    from cli.network import attempt, visitor

    async with visitor(context) as node:
        walked = await attempt(
            context, node, "lookup", lambda: node.lookup(key, paths=context.args.paths)
        )
    target = MAINLINE_SPACE.from_bytes(key)
    for contact in walked.closest:
        raw = MAINLINE_SPACE.to_bytes(contact.key).hex()
        where = cast("tuple[str, int]", contact.endpoint)
        context.out.result(
            "contact",
            f"{raw} {format_address(where)}",
            id=raw,
            host=where[0],
            port=where[1],
            shared_bits=MAINLINE_SPACE.prefix_length(contact.key, target),
        )
    context.out.note(sentence(walked.evidence))
    return ExitCode.DONE
