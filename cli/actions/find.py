"""``dhtctl find``: list who provides something, as the answers come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from cli.errors import ExitCode
from cli.evidence import count, sentence
from cli.failures import not_found
from cli.keys import read_address
from dht.names import Reading
from dht.node.config import format_address

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from cli.context import Context
    from dht.core.effects import Evidence
    from dht.names import Address
    from dht.node.node import Node


def run(context: Context) -> Coroutine[Any, Any, ExitCode]:
    """Print each provider when it is first heard of."""
    return _search(context, read_address(context, context.args.key, (Reading.INFOHASH,)))


async def _search(context: Context, address: Address) -> ExitCode:
    from cli.network import attempt, visitor

    async with visitor(context) as node:
        found, evidence = await attempt(
            context, node, "find", lambda: _find(context, node, address.mainline_key)
        )
    if not found:
        raise not_found(f"a provider of {address}", evidence)
    context.out.note(f"{count(found, 'provider')}: {sentence(evidence)}")
    return ExitCode.DONE


async def _find(context: Context, node: Node, key: bytes) -> tuple[int, Evidence]:
    """Print providers; how many, and what was asked."""
    found, wanted = 0, context.args.count
    providing = node.find_providers(key, paths=context.args.paths)
    async for provider in providing:
        host, port = cast("tuple[str, int]", provider.endpoint)
        context.out.result(
            "provider", format_address((host, port)), host=host, port=port, seed=provider.seed
        )
        found += 1
        if found == wanted:
            providing.stop()
            break
    return found, providing.evidence
