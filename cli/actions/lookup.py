"""``dhtctl lookup``: list the live nodes closest to a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from cli.errors import ExitCode
from cli.evidence import sentence
from cli.network import attempt, read_key, visitor
from dht.core.keys import MAINLINE_SPACE
from dht.node.config import format_address

if TYPE_CHECKING:
    from cli.context import Context


async def run(context: Context) -> ExitCode:
    """Walk there, and print whom we met, nearest first."""
    address = read_key(context, context.args.key)
    key = address.mainline_key
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
