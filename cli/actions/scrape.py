"""``dhtctl scrape``: estimate how many have a torrent, from the bloom filters of many nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.errors import ExitCode
from cli.evidence import count, facts, sentence
from cli.failures import not_found
from cli.keys import read_address
from dht.names import Reading

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from cli.context import Context
    from dht.names import Address


def run(context: Context) -> Coroutine[Any, Any, ExitCode]:
    """Ask, and print both estimates."""
    return _scrape(context, read_address(context, context.args.key, (Reading.INFOHASH,)))


async def _scrape(context: Context, address: Address) -> ExitCode:
    from cli.network import attempt, visitor

    async with visitor(context) as node:
        scraped = await attempt(context, node, "scrape", lambda: node.scrape(address.mainline_key))
    if not scraped.filters:
        raise not_found(f"a provider of {address}", scraped.evidence)
    seeds, peers = round(scraped.seeds), round(scraped.peers)
    context.out.result(
        "scrape",
        f"{count(seeds, 'seed')}, {count(peers, 'peer')}",
        key=str(address),
        seeds=seeds,
        peers=peers,
        filters=scraped.filters,
        **facts(scraped.evidence),
    )
    context.out.note(f"from {count(scraped.filters, 'filter')}: {sentence(scraped.evidence)}")
    return ExitCode.DONE
