"""``dhtctl provide``: announce that this machine has something, and go on announcing it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from cli.errors import ExitCode, UsageError
from cli.evidence import count, facts, sentence
from cli.keeping import kept_by_another, outlook, stay
from cli.keys import read_address
from dht.names import Reading

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from cli.context import Context
    from dht.names import Address
    from dht.node.results import Stored

_MAX_PORT = 65535


def run(context: Context) -> Coroutine[Any, Any, ExitCode]:
    """Announce; stay unless somebody else keeps it, or once was enough."""
    args = context.args
    port = args.port or 0
    if port > _MAX_PORT:
        raise UsageError(f"there is no port {port}", hint=f"ports go up to {_MAX_PORT}")
    return _provide(context, read_address(context, args.key, (Reading.INFOHASH,)), port)


async def _provide(context: Context, address: Address, port: int) -> ExitCode:
    from cli.network import attempt, visitor

    args = context.args
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
        return await stay(context, node, stored.promise, address) if stays else ExitCode.DONE


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
