"""``dhtctl git mirror``: somebody's repository, served by us as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.errors import ExitCode
from cli.git.watching import Watched
from cli.keys import explained, read_address
from cli.tables import size
from cli.torrents.naming import newest, resolving
from cli.torrents.seeding import leave, mirroring
from cli.torrents.swarming import joined
from dht.names import Reading
from torrent.cdn.memory import Memory
from torrent.cdn.name import Name
from torrent.git.mirror import Mirror
from torrent.git.store import Store

if TYPE_CHECKING:
    from cli.context import Context
    from dht.node.node import Node
    from torrent.cdn.name import Version
    from torrent.cdn.names import Names
    from torrent.io.session import Session


async def run(context: Context) -> ExitCode:
    """Have the newest version here; then stay for newer ones, unless told not to."""
    args = context.args
    with explained():
        name = Name.of(read_address(context, args.key.removeprefix("dht://"), (Reading.KEY,)))
    async with joined(
        context,
        state=context.settings.state,
        upload=args.upload_limit or float("inf"),
        download=args.download_limit or float("inf"),
    ) as (session, node):
        assert node is not None  # noqa: S101 - it was asked for
        with Memory.open(context.settings.state) as memory:
            async with resolving(context, node) as names:
                store = Store(context.settings.state, name, memory)
                mirroring = Mirroring(context, session, node, names, store)
                version = await mirroring.first(name)
                if not args.once:
                    return await mirroring.stay(version)
        await leave(context, session)
    return ExitCode.DONE


class Mirroring:
    """A mirror at work for a command, and what it tells people."""

    def __init__(
        self, context: Context, session: Session, node: Node, names: Names, store: Store
    ) -> None:
        self._context = context
        self._session = session
        self._node = node
        self._names = names
        self._watched = Watched(context)
        self._mirror = Mirror(session, names, store, self._watched.told)

    async def first(self, name: Name) -> Version:
        """Have the newest version here, as long as anything moves.

        Raises:
            CommandError: It cannot be had.
        """
        version = await newest(self._context, self._node, self._names, name)
        label = f"fetch version {version.seq}"
        await self._watched.pursue(label, lambda: self._mirror.adopt(version))
        self._adopted(version)
        return version

    async def stay(self, version: Version) -> ExitCode:
        """Follow, serve and keep the name until stopped."""
        context = self._context
        context.out.note("this command stays and serves it; stop it with Ctrl-C", "mirroring")
        async with mirroring(context, self._session, self._node, self._mirror):
            await self._mirror.run(version, self._adopted)
        return ExitCode.DONE

    def _adopted(self, version: Version) -> None:
        """A version is here."""
        came = self._watched.downloaded
        self._context.out.result(
            "mirrored",
            f"dht://{version.name}",
            name=str(version.name),
            seq=version.seq,
            infohash=version.infohash.hex(),
            downloaded_bytes=came,
        )
        if not self._context.out.json:
            self._context.out.note(f"version {version.seq}: {size(came)} fetched so far")
