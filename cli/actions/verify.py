"""``dhtctl verify``: compare files with their torrent."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from cli.errors import AbsentError, ExitCode, IntegrityError
from cli.evidence import count
from cli.tables import rate, size
from cli.torrents import facts, sources, stored
from cli.torrents.checking import check, damages
from torrent.io.disk import Disk

if TYPE_CHECKING:
    from cli.context import Context
    from torrent.core.metainfo import Metainfo


async def run(context: Context) -> ExitCode:
    """Hash it, and say what is bad."""
    out = context.out
    what, directory = await trio.to_thread.run_sync(partial(_named, context))
    info, begun = what.info, trio.current_time()
    async with Disk() as disk:
        _, good = await check(out, disk, info, directory)
    elapsed = trio.current_time() - begun
    bad = damages(info, directory, good)
    for damage in bad:
        out.result("damage", str(damage), **damage.facts())
    if bad:
        pieces = info.piece_count - len(good)
        raise IntegrityError(
            f"{info.name} is damaged: {count(pieces, 'piece')} of {info.piece_count}, "
            f"in {count(len(bad), 'file')}",
            hint="`dhtctl fetch` mends it, and fetches nothing that is good",
            bad_pieces=pieces,
            pieces=info.piece_count,
            bad_files=len(bad),
        )
    told = f"{size(info.size)}, {count(info.piece_count, 'piece')}"
    out.result(
        "verified",
        f"{info.name} is whole: {told}",
        directory=str(directory),
        elapsed_s=round(elapsed, 3),
        **facts.brief(what),
    )
    out.note(f"{rate(info.size / elapsed)}" if elapsed > 0 else "at once")
    return ExitCode.DONE


def _named(context: Context) -> tuple[Metainfo, Path]:
    """The torrent, and where its files are.

    Raises:
        AbsentError: It is an infohash that the state knows nothing of.
    """
    text, directory = context.args.torrent, context.args.directory
    if sources.is_file(text):
        return sources.read_file(text), Path(directory or ".").absolute()
    address = sources.read_name(context, text)
    with stored.opened(context.settings.state) as torrents:
        held = stored.find(torrents, address.mainline_key)
    known = stored.metainfo(context.settings.state, address.mainline_key)
    if held is None or known is None:
        raise AbsentError(
            f"the metadata of {address} is not in this state directory",
            hint="give the torrent file, or fetch it; `dhtctl torrents` lists what is here",
        )
    return known, Path(directory).absolute() if directory else held.directory
