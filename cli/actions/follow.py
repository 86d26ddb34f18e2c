"""``dhtctl follow``: a directory that is kept at the newest version of a name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from cli.errors import ExitCode, UsageError
from cli.keys import explained, read_address
from cli.tables import size
from cli.torrents.naming import newest, resolving
from cli.torrents.seeding import leave, mirroring
from cli.torrents.swarming import joined, persevere, status
from dht.names import Reading
from torrent.cdn.memory import Memory
from torrent.cdn.mirror import Mirror
from torrent.cdn.name import Name

if TYPE_CHECKING:
    from cli.context import Context
    from cli.patience import Patience
    from dht.node.node import Node
    from torrent.cdn.name import Version
    from torrent.io.session import Session
    from torrent.io.torrent import Torrent

_LOOK = 0.2
"""Seconds between two looks at how far it is."""


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
        await leave(context, session)
    return ExitCode.DONE


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
        label = f"fetch version {version.seq}"
        await persevere(self._context, label, self._watch, lambda: self.mirror.adopt(version))
        self._adopted(version)

    async def stay(self) -> ExitCode:
        """Follow, serve and keep the name until stopped."""
        self._context.out.note(
            "this command stays and follows it; stop it with Ctrl-C", "following"
        )
        async with mirroring(self._context, self._session, self._node, self.mirror):
            await self.mirror.run(self._adopted)
        return ExitCode.DONE

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
