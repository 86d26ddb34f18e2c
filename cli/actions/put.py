"""``dhtctl put``: store a value, or a new version of a name, and print its key."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import trio

from cli import files
from cli.errors import CommandError, ExitCode, UsageError
from cli.evidence import copies, facts, sentence
from cli.failures import SHARE_AS_FILE, translated
from cli.keeping import outlook, stay
from cli.network import attempt, visitor
from dht import names
from dht.codec.bencode import decode, encode
from dht.errors import PartialStore
from dht.mainline.items import MAX_SALT, MAX_VALUE

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from cli.context import Context
    from dht.codec.bencode import Value
    from dht.names import Address
    from dht.node.node import Node
    from dht.node.results import Stored

    Deed = Callable[[Node], Coroutine[Any, Any, Stored]]


async def run(context: Context) -> ExitCode:
    """Store it, print the key, and stay if told to."""
    args = context.args
    # In a thread: a pipe may keep us waiting, and must not keep us from being stopped.
    value = await trio.to_thread.run_sync(_value, context, abandon_on_cancel=True)
    address, deed = _named(context, value) if args.name is not None else _plain(context, value)
    short: PartialStore | None = None
    async with visitor(context) as node:
        try:
            stored = await attempt(context, node, "put", lambda: deed(node))
        except PartialStore as partial:
            # It can be found, so whoever asked for it is told where.
            short, stored = partial, partial.stored
        _print(context, address, stored, len(encode(value)))
        outlook(context, node.policy.record_lifetime, stays=args.keep)
        if short is not None:
            raise translated(short)
        return await stay(context, node, stored.promise) if args.keep else ExitCode.DONE


def _value(context: Context) -> Value:
    """The value, checked before anybody is asked for anything.

    Raises:
        UsageError: It is not the bencoding that it was said to be.
        CommandError: It is too big.
    """
    args = context.args
    raw = (
        os.fsencode(args.value) if args.value is not None else files.read(args.file, MAX_VALUE + 1)
    )
    value: Value = raw
    if args.bencoded and len(raw) <= MAX_VALUE:
        decoded = decode(raw)
        if decoded is None:
            raise UsageError(
                "the value is not canonical bencode", hint="leave out --bencoded to store a string"
            )
        value = decoded
    size = len(encode(value))
    if size > MAX_VALUE:
        much = f"more than {MAX_VALUE}" if len(raw) > MAX_VALUE else str(size)
        raise CommandError(
            f"the value takes {much} bytes in bencoding, and {MAX_VALUE} is the most (BEP 44)",
            hint=SHARE_AS_FILE,
            limit_bytes=MAX_VALUE,
        )
    return value


def _plain(context: Context, value: Value) -> tuple[Address, Deed]:
    """Store an immutable value."""
    args = context.args
    for option in ("salt", "seq", "cas"):
        if getattr(args, option) is not None:
            raise UsageError(
                f"--{option} is for names", hint="say whose with --name, or leave it out"
            )

    def deed(node: Node) -> Coroutine[Any, Any, Stored]:
        return node.put(value, keep=True, **_how(args))

    return names.item(encode(value)), deed


def _named(context: Context, value: Value) -> tuple[Address, Deed]:
    """Sign it with a key of ours."""
    from cli.keys import open_key  # noqa: PLC0415 - only names need keys

    args = context.args
    salt = os.fsencode(args.salt or "")
    if len(salt) > MAX_SALT:
        raise UsageError(f"the salt has {len(salt)} bytes, and {MAX_SALT} is the most (BEP 44)")
    private = open_key(context, args.name)

    def deed(node: Node) -> Coroutine[Any, Any, Stored]:
        return node.publish(
            private, value, salt=salt, seq=args.seq, cas=args.cas, keep=True, **_how(args)
        )

    return names.name(private.public_key().public_bytes_raw(), salt), deed


def _how(args: Any) -> dict[str, Any]:
    return {"min_copies": args.min, "paths": args.paths, "region": args.region}


def _print(context: Context, address: Address, stored: Stored, size: int) -> None:
    record = stored.record
    context.out.result(
        "stored",
        str(address),
        key=str(address),
        mainline_key=stored.key.hex(),
        copies=stored.copies,
        seq=None if record is None else record.seq,
        size_bytes=size,
        promise=stored.promise,
        **facts(stored.evidence),
    )
    version = "" if record is None or record.seq is None else f"version {record.seq}, "
    context.out.note(f"{version}{copies(stored.copies)}: {sentence(stored.evidence)}")
