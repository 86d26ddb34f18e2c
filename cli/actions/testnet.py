"""``dhtctl testnet``: a network of one's own on loopback, for trying things out."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NoReturn

import trio

from cli import residents
from cli.errors import ExitCode
from cli.evidence import count
from dht.testing import Conditions, Testnet

if TYPE_CHECKING:
    from cli.context import Context

_MS = 1000


async def run(context: Context) -> NoReturn:
    """Run it until stopped, which is how this command succeeds."""
    context.when_stopped = ExitCode.DONE
    args = context.args
    residents.allow_sockets(args.nodes)
    # Node ids of its own each time: contacts that somebody saved from an earlier network
    # must not be mistaken for members of this one.
    seed = random.SystemRandom().getrandbits(64)
    # A network that loses datagrams cannot come together; one that has can live with it.
    weather = Conditions()
    async with Testnet(0, seed=seed, conditions=weather) as net:
        await grow(context, net, args.nodes)
        weather.loss, weather.delay = args.loss, (args.delay or 0) / _MS
        _introduce(context, net)
        await trio.sleep_forever()


async def grow(context: Context, net: Testnet, nodes: int) -> None:
    """Let ``nodes`` nodes join, and show how far that is."""
    with context.out.progress(f"starting {count(nodes, 'node')}") as progress:
        while len(net.nodes) < nodes:
            # In portions that double: nobody joins through a crowd smaller than its own.
            await net.add(min(nodes - len(net.nodes), max(len(net.nodes), 1)))
            progress.update("joining", len(net.nodes), nodes)
        progress.update("getting to know each other")
        await net.settle()


def _introduce(context: Context, net: Testnet) -> None:
    """Say how to join, on stdout for programs, on stderr for people."""
    gateway, doors = net.nodes[0], residents.shown(net.bootstrap)
    context.out.result(
        "testnet",
        f"testnet of {count(len(net.nodes), 'node')}; gateway {gateway.key.hex()} at {doors[0]}",
        nodes=len(net.nodes),
        id=gateway.key.hex(),
        addresses=residents.shown(gateway.addresses),
        bootstrap=doors,
        loss=context.args.loss,
        delay_ms=context.args.delay or 0,
    )
    export = f"export DHTCTL_BOOTSTRAP={','.join(doors)}"
    context.out.note(
        f"to join it, in another terminal:\n  {export}\nCtrl-C ends it", "hint", export=export
    )
