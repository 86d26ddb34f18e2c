"""``dhtctl put``: store a value, or a new version of a name, and print its key."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from cli import files
from cli.errors import CommandError, ExitCode, UsageError
from cli.evidence import copies, facts, sentence
from cli.failures import SHARE_AS_FILE, translated
from cli.keeping import outlook, stay
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
    Preparation = Callable[[Value], tuple[Address, Deed]]
    """Turns a value into what it is called and what there is to do."""


def run(context: Context) -> Coroutine[Any, Any, ExitCode]:
    """Store it, print the key, and stay if told to."""
    args = context.args
    # What is wrong on this machine is said before what speaks to others is even imported.
    prepare = _plain(context) if args.name is None else _named(context)
    waits = args.value is None and files.may_wait(args.file)
    return _put(context, prepare, None if waits else _value(context))


async def _put(context: Context, prepare: Preparation, value: Value | None) -> ExitCode:
    import trio

    from cli.network import attempt, visitor

    args = context.args
    if value is None:
        # In a thread: a pipe may keep us waiting, and must not keep us from being stopped.
        value = await trio.to_thread.run_sync(_value, context, abandon_on_cancel=True)
    address, deed = prepare(value)
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
        return await stay(context, node, stored.promise, address) if args.keep else ExitCode.DONE


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


def _plain(context: Context) -> Preparation:
    """Store an immutable value."""
    args = context.args
    for option in ("salt", "seq", "cas"):
        if getattr(args, option) is not None:
            raise UsageError(
                f"--{option} is for names", hint="say whose with --name, or leave it out"
            )

    def prepare(value: Value) -> tuple[Address, Deed]:
        from dht import names

        return names.item(encode(value)), lambda node: node.put(value, keep=True, **_how(args))

    return prepare


def _named(context: Context) -> Preparation:
    """Sign it with a key of ours."""
    from cli.keys import open_key
    from dht import names

    args = context.args
    salt = os.fsencode(args.salt or "")
    if len(salt) > MAX_SALT:
        raise UsageError(f"the salt has {len(salt)} bytes, and {MAX_SALT} is the most (BEP 44)")
    private = open_key(context, args.name)
    address = names.name(private.public_key().public_bytes_raw(), salt)

    def prepare(value: Value) -> tuple[Address, Deed]:
        return address, lambda node: node.publish(
            private, value, salt=salt, seq=args.seq, cas=args.cas, keep=True, **_how(args)
        )

    return prepare


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
