"""``dhtctl ping``: ask one node whether it is there."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cli.errors import ExitCode, UsageError
from cli.evidence import count
from cli.failures import translated
from cli.output import cleaned
from dht.errors import NoAnswer
from dht.node.config import format_address, parse_address

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from cli.context import Context
    from dht.node.node import Node
    from dht.node.results import Pong
    from dht.node.udp import Address

_MS = 1000


def run(context: Context) -> Coroutine[Any, Any, ExitCode]:
    """Ask as often as told to, one after the other; done if there was any answer."""
    with _explained():
        address = parse_address(context.args.address)
    return _ask(context, address)


async def _ask(context: Context, address: Address) -> ExitCode:
    from cli.network import visitor

    args = context.args
    failure: NoAnswer | None = None
    answers = 0
    # A question to one node needs no network: nobody is joined, and no state is opened.
    async with visitor(context, state=None, bootstrap=()) as node:
        for turn in range(args.count):
            try:
                pong = await _ping(context, node, address)
            except NoAnswer as silence:
                failure = silence
                if turn + 1 < args.count:
                    context.out.warn(f"{args.address} did not answer", turn=turn + 1)
            else:
                answers += 1
                _print(context, pong)
    if failure is not None and not answers:
        raise translated(failure)
    if args.count > 1:
        context.out.note(f"{answers} of {count(args.count, 'request')} answered")
    return ExitCode.DONE


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise UsageError(cleaned(str(error))) from error


async def _ping(context: Context, node: Node, address: Address) -> Pong:
    """Ask once.

    Raises:
        NoAnswer: It did not answer.
        UsageError: There is no such address.
    """
    from cli.network import attempt

    async def ask() -> Pong:
        # Inside, where it is not yet one of a group of errors.
        with _explained():
            return await node.ping(address)

    return await attempt(context, node, "ping", ask)


def _print(context: Context, pong: Pong) -> None:
    where = format_address(pong.address)
    context.out.result(
        "pong",
        f"{pong.key.hex()} {where} {pong.rtt * _MS:.1f} ms",
        id=pong.key.hex(),
        address=where,
        rtt_ms=round(pong.rtt * _MS, 3),
    )
