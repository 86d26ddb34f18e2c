"""``dhtctl forget``: withdraw promises. The network is not asked; it forgets by itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cli.errors import AbsentError, ExitCode, UsageError
from cli.evidence import count
from cli.failures import translated
from cli.keys import read_key
from cli.torrents import stored
from dht import names
from dht.core.keys import MAINLINE_SPACE
from dht.core.messages import Record
from dht.errors import DhtError
from dht.node.config import NETWORK
from dht.node.state import State

if TYPE_CHECKING:
    from cli.context import Context
    from dht.names import Address
    from dht.node.state import StoredPromise


def run(context: Context) -> ExitCode:
    """Withdraw, and say what."""
    args = context.args
    if args.all and args.salt is not None:
        raise UsageError("--salt tells the records of one name apart, and --all means everything")
    wanted = None if args.all else read_key(context, args.key)
    try:
        ended = _withdraw(context, wanted)
        removed = _remove(context, wanted)
    except DhtError as error:
        raise translated(error) from error
    if wanted is not None and not ended + removed:
        raise AbsentError(
            f"nothing is promised under {wanted}",
            hint="`dhtctl status` lists the promises, and `dhtctl torrents` the torrents",
        )
    kept = "; the files of torrents stay" if removed else ""
    context.out.note(
        f"{count(ended + removed, 'promise')} withdrawn; what the network holds expires{kept}"
    )
    return ExitCode.DONE


def _remove(context: Context, wanted: Address | None) -> int:
    """Forget the torrent of that infohash, or all; print each, and say how many."""
    with stored.opened(context.settings.state, readonly=False) as torrents:
        everything = torrents.all()
        if wanted is None:
            leaving = everything
        else:
            found = stored.find(torrents, wanted.mainline_key) if everything else None
            leaving = [] if found is None else [found]
        for torrent in leaving:
            torrents.remove(torrent.infohash)
            address = str(names.torrent(torrent.infohash))
            context.out.result(
                "forgotten",
                address,
                key=address,
                mainline_key=torrent.infohash.hex(),
                name=torrent.name,
                directory=str(torrent.directory),
            )
    return len(leaving)


def _withdraw(context: Context, wanted: Address | None) -> int:
    """End the promises under a key, or all; print each, and say how many."""
    with State.open(context.settings.state) as state:
        key = None if wanted is None else MAINLINE_SPACE.from_bytes(wanted.mainline_key)
        standing = [p for p in state.promises(NETWORK) if key in (None, p.key)]
        for under in dict.fromkeys(promise.key for promise in standing):
            state.withdraw(NETWORK, under, time.time())
    for promise in standing:
        address = _address(promise) if wanted is None else _exactly(wanted, promise)
        context.out.result(
            "forgotten",
            str(address),
            key=str(address),
            mainline_key=MAINLINE_SPACE.to_bytes(promise.key).hex(),
            promise=promise.id,
        )
    return len(standing)


def _exactly(wanted: Address, promise: StoredPromise) -> Address:
    """What was typed, unless it was digits that were taken for an item and stand for more."""
    is_item = isinstance(promise.what, Record)
    return _address(promise) if wanted.kind is names.Kind.ITEM and not is_item else wanted


def _address(promise: StoredPromise) -> Address:
    """What a promise is about, as far as it knows: of a provider only the key is left."""
    raw = MAINLINE_SPACE.to_bytes(promise.key)
    if not isinstance(promise.what, Record):
        return names.torrent(raw)
    if promise.what.signer:
        return names.name(promise.what.signer, promise.what.salt)
    return names.item_of(raw)
