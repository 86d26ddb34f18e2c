"""``dhtctl provide``: announce that this machine has something, and go on announcing it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cli.errors import ExitCode, UsageError
from cli.evidence import count, facts, sentence
from cli.keeping import kept_by_another, outlook, stay
from cli.keys import read_address
from cli.network import attempt, visitor
from dht.names import Reading

if TYPE_CHECKING:
    from cli.context import Context
    from dht.names import Address
    from dht.node.results import Stored

_MAX_PORT = 65535


async def run(context: Context) -> ExitCode:
    """Announce; stay unless somebody else keeps it, or once was enough."""
    args = context.args
    port = args.port or 0
    if port > _MAX_PORT:
        raise UsageError(f"there is no port {port}", hint=f"ports go up to {_MAX_PORT}")
    address = read_address(context, args.key, (Reading.INFOHASH,))
    async with visitor(context) as node:
        announce = partial(
            node.provide,
            address.mainline_key,
            port,
            seed=args.seed,
            keep=not args.once,
            paths=args.paths,
            region=args.region,
        )
        stored = await attempt(context, node, "provide", announce)
        stays = not args.once and not kept_by_another(context)
        _print(context, address, stored)
        outlook(context, node.policy.provider_lifetime, promised=not args.once, stays=stays)
        return await stay(context, node, stored.promise) if stays else ExitCode.DONE


def _print(context: Context, address: Address, stored: Stored) -> None:
    context.out.result(
        "provided",
        str(address),
        key=str(address),
        mainline_key=stored.key.hex(),
        port=context.args.port or None,
        copies=stored.copies,
        promise=stored.promise,
        **facts(stored.evidence),
    )
    context.out.note(f"announced to {count(stored.copies, 'node')}: {sentence(stored.evidence)}")
