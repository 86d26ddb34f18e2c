"""``dhtctl follow``: a directory that is kept at the newest version of a name."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from cli.errors import CommandError, ExitCode, UnreachableError, UsageError
from cli.failures import translated
from cli.keys import explained, read_address
from cli.network import seconds_of_patience
from cli.patience import patience
from cli.tables import size
from cli.torrents.naming import newest, resolving
from cli.torrents.seeding import handed_over, tell
from cli.torrents.swarming import joined, status
from dht.errors import DhtError
from dht.names import Reading
from dht.node.identity import Identity
from torrent.cdn.memory import Memory
from torrent.cdn.mirror import Mirror
from torrent.cdn.name import Name
from torrent.errors import TorrentError

if TYPE_CHECKING:
    from cli.context import Context
    from cli.patience import Patience
    from dht.node.node import Node
    from torrent.cdn.name import Version
    from torrent.io.session import Session
    from torrent.io.torrent import Torrent

_LOOK = 0.2
"""Seconds between two looks at how far it is."""
_AGAIN = 1.0
"""Seconds between two looks whether another version is to be kept."""


async def run(context: Context) -> ExitCode:
    """Have the newest version here; then stay for newer ones, unless told not to."""
    args = context.args
    with explained():
        name = Name.of(read_address(context, args.key, (Reading.KEY,)))
    target = _target(args.output, name)
    async with joined(
        context,
        state=context.settings.state,
        upload=args.upload_limit or float("inf"),
        download=args.download_limit or float("inf"),
    ) as (session, node):
        assert node is not None  # noqa: S101 - it was asked for
        with Memory.open(context.settings.state) as memory:
            async with resolving(context, node) as names:
                following = Following(context, session, node, name, target)
                following.mirror = Mirror(
                    session,
                    names,
                    memory,
                    name,
                    target,
                    keep=args.keep_versions,
                    told=following.told,
                )
                await following.first(await newest(context, node, names, name))
                if not args.once:
                    return await following.stay()
        return await _leave(context, session)


def _target(output: str | None, name: Name) -> Path:
    """Where it is to be seen.

    Raises:
        UsageError: The name suggests nothing that a directory can be called.
    """
    if output is None:
        output = os.fsdecode(name.salt)
        if (
            not output
            or not output.isprintable()
            or Path(output).name != output
            or output.startswith(".")
        ):
            raise UsageError(f"{name} does not say what to call it", hint="name it with -o DIR")
    return Path(output).absolute()


async def _leave(context: Context, session: Session) -> ExitCode:
    """Leave what is here to the node of the state directory."""
    if not await handed_over(context, [torrent.named for torrent in session.torrents]):
        context.out.note("nobody serves it now: `dhtctl node` does, and keeps the name")
    return ExitCode.DONE


class Following:
    """A mirror at work for a command, and what it tells people."""

    mirror: Mirror

    def __init__(
        self, context: Context, session: Session, node: Node, name: Name, target: Path
    ) -> None:
        self._context = context
        self._session = session
        self._node = node
        self._name = name
        self._target = target
        self._torrent: Torrent | None = None
        self._seq = -1

    def told(self, torrent: Torrent) -> None:
        """This is being fetched."""
        self._torrent = torrent

    async def first(self, version: Version) -> None:
        """Have a version here, as long as anything moves.

        Raises:
            CommandError: It cannot be had, or nothing moves.
        """
        failures: list[CommandError] = []
        label = f"fetch version {version.seq}"
        try:
            with patience(self._context.out, label, seconds_of_patience()) as waiting:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._watch, waiting)
                    # Caught here, because the nursery would wrap it in a group.
                    try:
                        await self.mirror.adopt(version)
                    except (TorrentError, DhtError) as problem:
                        failures.append(translated(problem))
                    nursery.cancel_scope.cancel()
        except UnreachableError as error:
            error.hint = "nobody has it now: try again later"
            raise
        for failure in failures:
            raise failure
        self._adopted(version)

    async def stay(self) -> ExitCode:
        """Follow, serve and keep the name until stopped."""
        self._context.when_stopped = ExitCode.DONE
        self._context.out.note(
            "this command stays and follows it; stop it with Ctrl-C", "following"
        )
        async with trio.open_nursery() as nursery:
            if Identity.holder(self._context.settings.state) is None:
                nursery.start_soon(tell, self._context, self._session)
                nursery.start_soon(self._keep)
            await self.mirror.run(self._adopted)
        return ExitCode.DONE

    async def _keep(self) -> None:
        """Keep the record of whichever version is the newest."""
        while True:
            with suppress(DhtError):
                await self._node.keep(self.mirror.promise)
            await trio.sleep(_AGAIN)

    async def _watch(self, waiting: Patience) -> None:
        """Show how far it is, and push the deadline back when anything moved."""
        last: object = None
        while True:
            torrent = self._torrent
            if torrent is not None:
                now = torrent.statistics()
                moved = (now.phase, now.done, now.checked, now.downloaded, torrent.sharing.most)
                if moved != last:
                    last = moved
                    waiting.extend()
                waiting.stands(status(torrent), now.done, now.size or None, counted=False)
            await trio.sleep(_LOOK)

    def _adopted(self, version: Version) -> None:
        """A version is what people see now."""
        if version.seq == self._seq or self._torrent is None:
            return
        self._seq = version.seq
        now = self._torrent.statistics()
        out = self._context.out
        out.result(
            "followed",
            str(self._target),
            name=str(self._name),
            seq=version.seq,
            path=str(self._target),
            infohash=version.infohash.hex(),
            size_bytes=now.size,
            downloaded_bytes=now.downloaded,
        )
        if not out.json:
            out.note(
                f"version {version.seq}: {size(now.size)}, {size(now.downloaded)} of it fetched"
            )
