"""``dhtctl get``: print the value of a key or a name."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from cli.errors import CommandError, ExitCode, UsageError
from cli.evidence import facts, sentence
from cli.failures import not_found
from cli.files import write
from cli.keys import read_address
from dht.errors import NotFound
from dht.names import Address, Kind, Reading

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from cli.context import Context
    from dht.node.node import Node
    from dht.node.results import Retrieved


def run(context: Context) -> Coroutine[Any, Any, ExitCode]:
    """Find it and write it out."""
    address = read_address(context, context.args.key, (Reading.ITEM, Reading.KEY))
    if address.kind not in (Kind.ITEM, Kind.NAME):
        raise UsageError(
            f"{address} names content that no node holds itself",
            hint=f"ask who has it with `dhtctl find {address}`",
        )
    return _fetch(context, address)


async def _fetch(context: Context, address: Address) -> ExitCode:
    from cli.network import attempt, visitor

    args = context.args
    async with visitor(context) as node:
        try:
            found = await attempt(context, node, "get", lambda: _get(node, address, args))
        except NotFound as error:
            raise _missing(address, error, args.min_seq) from error
    _print(context, address, found)
    return ExitCode.DONE


def _get(node: Node, address: Address, args: Any) -> Coroutine[Any, Any, Retrieved]:
    if address.kind is Kind.NAME:
        return node.resolve(
            address.public_key, address.salt, min_seq=args.min_seq, paths=args.paths
        )
    return node.get(address.mainline_key, paths=args.paths)


def _missing(address: Address, error: NotFound, min_seq: int | None) -> CommandError:
    what = str(address) if min_seq is None else f"a version of {address} above {min_seq}"
    return not_found(what, error.evidence)


def _print(context: Context, address: Address, found: Retrieved) -> None:
    out, value = context.out, found.value
    if context.args.output not in (None, "-"):
        write(context.args.output, value)
    if out.json:
        out.result(
            "value",
            "",
            key=str(address),
            mainline_key=found.key.hex(),
            value_base64=b64encode(value).decode("ascii"),
            text=_text(value),
            seq=found.seq,
            size_bytes=len(value),
            **facts(found.evidence),
        )
    elif context.args.output in (None, "-"):
        out.data(value)
    version = "" if found.seq is None else f"version {found.seq}: "
    out.note(f"{version}{sentence(found.evidence)}")


def _text(value: bytes) -> str | None:
    """The value as text, if it is text."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return None
