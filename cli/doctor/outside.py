"""Checks of the network: whether it answers, how it sees us, and what stands in between.

They go through one short-lived node, which asks and is not asked. Bootstrap nodes are asked one by
one, so that it is known which of them fail.
"""

from __future__ import annotations

import socket
from contextlib import closing
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import trio

from cli import residents
from cli.doctor.verdict import fail, ok, warn
from cli.evidence import sentence
from cli.tables import duration
from dht.errors import DhtError, NoAnswer, NoNetwork
from dht.node.config import format_address
from dht.node.identity import Identity
from dht.node.portmap import default_gateway

if TYPE_CHECKING:
    from cli.doctor.verdict import Verdict
    from cli.settings import Settings
    from dht.node.node import Node
    from dht.node.udp import Address

_PING: Final = 6.0
"""Seconds for a name to be resolved and its node to answer."""
_NAT_PMP: Final = 5351
_ASK_ADDRESS: Final = b"\x00\x00"
"""NAT-PMP's question for the external address (RFC 6886, 3.2): changes nothing in the router."""
_ANSWER_BYTES: Final = 12
_ROUTER: Final = 1.0
_FIREWALL: Final = "let UDP through the firewall, or join elsewhere with --bootstrap HOST:PORT"


async def own_node(settings: Settings, node: Node) -> Verdict:
    """Whether the node of the state directory, if one runs, answers."""
    holder, addresses = Identity.holder(settings.state), Identity.running(settings.state)
    if holder is None or not addresses:
        await trio.lowlevel.checkpoint()
        return ok("none is running on this state directory; `dhtctl node` starts one")
    rtt = await _ping(node, addresses[0])
    where = f"process {holder} at {format_address(addresses[0])}"
    if isinstance(rtt, str):
        return fail(f"{where} runs, but: {rtt}", "restart it", pid=holder)
    return ok(f"{where} answers in {duration(rtt)}", pid=holder, rtt_s=rtt)


async def bootstrap(settings: Settings, node: Node) -> Verdict:
    """Who of those that we would join through answers."""
    doors = residents.bootstrap(settings)
    if not doors:
        await trio.lowlevel.checkpoint()
        return warn("there is none: such a node waits until others join through it", _FIREWALL)
    found: dict[str, float | str] = {}

    async def ask(door: Address) -> None:
        found[format_address(door)] = await _ping(node, door)

    async with trio.open_nursery() as nursery:
        for door in doors:
            nursery.start_soon(ask, door)
    told = [
        f"{door} {duration(rtt) if isinstance(rtt, float) else rtt}" for door, rtt in found.items()
    ]
    answered = sum(isinstance(rtt, float) for rtt in found.values())
    text = f"{answered} of {len(doors)} answer: {', '.join(told)}"
    facts = {"asked": len(doors), "answered": answered}
    if not answered:
        return fail(text, _FIREWALL, **facts)
    if answered < len(doors):
        return warn(text, "nothing, as long as one answers", **facts)
    return ok(text, **facts)


async def _ping(node: Node, address: Address) -> float | str:
    """The round-trip time, or what went wrong."""
    with trio.move_on_after(_PING):
        try:
            return (await node.ping(address)).rtt
        except NoAnswer:
            return "is silent"
        except ValueError:
            return "cannot be resolved"
        except DhtError as error:
            return str(error)
    return "is silent"


async def lookup(settings: Settings, node: Node) -> Verdict:
    """Whether the network answers: looks ourselves up, as every node does that joins."""
    try:
        walked = await node.lookup(node.key)
    except NoNetwork as error:
        return fail(str(error).partition(". To do")[0], _FIREWALL)
    found, size = sentence(walked.evidence), node.statistics().size
    about = f"; {size.size:.0f} ± {size.error:.0f} nodes in all" if size is not None else ""
    if not walked.evidence.complete:
        return warn(f"{found}; it was cut short", "try again: the network may be restless")
    return ok(f"{found}{about}", requests=walked.evidence.requests)


async def translation(settings: Settings, node: Node) -> Verdict:
    """What address others see, and whether a router stands in between."""
    seen = node.statistics().external
    if seen is None:
        await trio.lowlevel.checkpoint()
        return warn(
            "too few nodes told us what address they see",
            "see the checks above; in a network of a few nodes this is all there is to know",
        )
    if ip_address(seen).is_loopback:
        await trio.lowlevel.checkpoint()
        return ok(f"others see us at {seen}: this network is on this machine", external=seen)
    if _is_ours(seen):
        await trio.lowlevel.checkpoint()
        return ok(f"others see us at {seen}, which is ours: no translation", external=seen)
    router = default_gateway()
    helps = router is not None and await _speaks_nat_pmp((router, _NAT_PMP))
    how = "the router can open one" if helps else "the router does not speak NAT-PMP"
    return warn(
        f"others see us at {seen}, which a router translates: we can ask, and rarely be asked",
        f"run `dhtctl node --listen 6881 --port-mapping` ({how}), or forward UDP port 6881 to here",
        external=seen,
        nat_pmp=helps,
    )


def _is_ours(address: str) -> bool:
    """Whether an interface of this machine has this address: only then can it be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_DGRAM)) as sock:
        try:
            sock.bind((address, 0))
        except OSError:
            return False
    return True


async def _speaks_nat_pmp(router: Address) -> bool:
    with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            await sock.connect(router)
            await sock.send(_ASK_ADDRESS)
            with trio.move_on_after(_ROUTER):
                return len(await sock.recv(64)) == _ANSWER_BYTES
        except OSError:
            return False
    return False
