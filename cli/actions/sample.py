"""``dhtctl sample``: list keys that nodes hold providers for (BEP 51)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from cli.errors import AbsentError, ExitCode
from cli.evidence import count, sentence
from cli.keys import read_key
from dht import names
from dht.core.keys import MAINLINE_SPACE

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from cli.context import Context
    from dht.node.node import Node
    from dht.node.results import Sampled

_KEY_BYTES: Final = MAINLINE_SPACE.bits // 8
_IN_VAIN: Final = 3
"""Walks in a row that may bring nothing new; then there is probably nothing more."""


def run(context: Context) -> Coroutine[Any, Any, ExitCode]:
    """Walk to a point, or to one point after the other until there are enough."""
    key = context.args.key
    return _collect(context, None if key is None else read_key(context, key).mainline_key)


async def _collect(context: Context, target: bytes | None) -> ExitCode:
    from cli.network import visitor

    args = context.args
    # One walk, if nobody said how many, or there is no other point to go on with.
    again = target is None and args.count is not None
    seen: set[bytes] = set()
    vain = 0
    async with visitor(context) as node:
        while True:
            sampled = await _walk(context, node, target or secrets.token_bytes(_KEY_BYTES))
            new = [key for key in sampled.keys if key not in seen]
            if args.count is not None:
                new = new[: args.count - len(seen)]
            seen.update(new)
            _print(context, new)
            vain = 0 if new else vain + 1
            if not again or vain == _IN_VAIN or len(seen) >= args.count:
                break
    context.out.note(f"{count(len(seen), 'key')}; the last walk: {sentence(sampled.evidence)}")
    if not seen:
        raise AbsentError(
            "no node there holds providers",
            achieved=sentence(sampled.evidence),
            nodes=sampled.nodes,
        )
    return ExitCode.DONE


async def _walk(context: Context, node: Node, target: bytes) -> Sampled:
    from cli.network import attempt

    return await attempt(context, node, "sample", lambda: node.sample(target))


def _print(context: Context, keys: list[bytes]) -> None:
    """Print keys as the torrents that most of them are."""
    for key in keys:
        address = str(names.torrent(key))
        context.out.result("key", address, key=address, mainline_key=key.hex())
