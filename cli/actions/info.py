"""``dhtctl info``: what a torrent is."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio

from cli.errors import ExitCode
from cli.torrents import facts, sources
from torrent.cdn.name import Name
from torrent.core.metainfo import Magnet, Metainfo

if TYPE_CHECKING:
    from cli.context import Context


async def run(context: Context) -> ExitCode:
    """Read it, learn what is missing, and show it."""
    args = context.args
    what = await trio.to_thread.run_sync(
        partial(sources.read, context, args.torrent), abandon_on_cancel=True
    )
    if isinstance(what, Name) and args.offline:
        context.out.result("name", facts.text_of_name(what), **facts.of_name(what))
        return ExitCode.DONE
    if isinstance(what, Name):
        from cli.torrents.naming import led

        what = await led(context, what)
    if isinstance(what, Magnet) and not args.offline:
        what = await _learned(context, what)
    if isinstance(what, Magnet):
        context.out.result("magnet", facts.text_of_link(what), **facts.of_link(what))
    else:
        context.out.result("torrent", facts.text(what), **facts.everything(what))
    return ExitCode.DONE


async def _learned(context: Context, link: Magnet) -> Metainfo:
    """Fetch the metadata, and nothing else."""
    from cli.torrents.swarming import joined, pursue

    peers = await sources.resolve(context.args.peer)
    # Who only asks does not listen, and so is announced to nobody.
    async with joined(context, listen=()) as (session, node):
        torrent = await session.add(link, peers=peers, metadata_only=True)
        info = await pursue(context, "metadata", torrent, node, torrent.metadata)
    return Metainfo(info, tuple((url,) for url in link.trackers), link.web_seeds)
