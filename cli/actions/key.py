"""``dhtctl key``: make, list, show, export and import keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cli import files
from cli.errors import CommandError, ExitCode
from cli.keys import explained, keystore, new_passphrase, open_key, unlocked
from dht.node.keystore import MAX_FILE, KeystoreError, read_private, to_pem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cli.context import Context
    from dht.node.keystore import StoredKey


def run(context: Context) -> ExitCode:
    """Do what the second word says."""
    with explained():
        _DEEDS[context.args.what](context)
    return ExitCode.DONE


def _new(context: Context) -> None:
    made = keystore(context).create(context.args.name, new_passphrase(context))
    _print(context, made, str(made.address))


def _list(context: Context) -> None:
    store = keystore(context)
    called = store.names()
    width = max(map(len, called), default=0)
    for name in called:
        try:
            key = store.show(name)
        except KeystoreError as error:
            # One bad file must not hide the others.
            context.out.warn(str(error), hint=error.hint, name=name)
        else:
            text = f"{name:<{width}}  {key.address}{'  (encrypted)' if key.encrypted else ''}"
            _print(context, key, text)
    if not called:
        context.out.note("there are no keys yet; make one with `dhtctl key new NAME`")


def _show(context: Context) -> None:
    key = keystore(context).show(context.args.name)
    lines = (
        ("address", key.address),
        ("magnet", key.address.magnet),
        ("peer id", key.address.peer_id),
        ("public key", key.address.public_key.hex()),
        ("encrypted", "yes" if key.encrypted else "no"),
    )
    _print(context, key, "\n".join(f"{label:<11} {value}" for label, value in lines))


def _export(context: Context) -> None:
    args, out = context.args, context.out
    private = open_key(context, args.name)
    pem = to_pem(private, new_passphrase(context))
    if args.output not in (None, "-"):
        files.write_new(args.output, pem, private=True)
    elif out.json:
        out.result("private_key", "", name=args.name, pem=pem.decode("ascii"))
    else:
        out.data(pem)
    out.note(f"whoever reads this can publish as {args.name}: keep it to yourself")


def _import(context: Context) -> None:
    args = context.args
    data = files.read(args.file, MAX_FILE)
    if len(data) > MAX_FILE:
        raise CommandError(f"{args.file} is too big to be a key")
    private = unlocked(context, args.file, lambda passphrase: read_private(data, passphrase))
    stored = keystore(context).store(args.name, private, new_passphrase(context))
    _print(context, stored, str(stored.address))


def _print(context: Context, key: StoredKey, text: str) -> None:
    address = key.address
    context.out.result(
        "key",
        text,
        name=key.name,
        address=str(address),
        public_key=address.public_key.hex(),
        peer_id=address.peer_id,
        magnet=address.magnet,
        encrypted=key.encrypted,
    )


_DEEDS: Final[Mapping[str, Callable[[Context], None]]] = {
    "new": _new,
    "list": _list,
    "show": _show,
    "export": _export,
    "import": _import,
}
