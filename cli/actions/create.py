"""``dhtctl create``: make a torrent file, and print its path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import trio

from cli import files
from cli.errors import CommandError, ExitCode
from cli.torrents import facts
from cli.torrents.making import make
from torrent.io.disk import Disk

if TYPE_CHECKING:
    from cli.context import Context


async def run(context: Context) -> ExitCode:
    """Hash, write, tell."""
    out, wanted = context.out, context.args.output
    begun = trio.current_time()
    async with Disk() as disk:
        metainfo, made = await make(context, disk, context.args.path)
    elapsed = trio.current_time() - begun
    told = {**facts.brief(metainfo), "elapsed_s": round(elapsed, 3)}
    if wanted == "-":
        out.data(made.metainfo)
        out.note(told["magnet"], "created", file=None, **told)
        return ExitCode.DONE
    path = wanted or f"{metainfo.info.name}.torrent"
    _write(path, made.metainfo)
    out.result("created", path, file=path, **told)
    if not out.json:
        out.note(told["magnet"])
    return ExitCode.DONE


def _write(path: str, data: bytes) -> None:
    """Write it, unless it is there already, to the byte.

    Raises:
        CommandError: Another file is, or it cannot be written.
    """
    try:
        if Path(path).read_bytes() == data:
            return
    except FileNotFoundError:
        pass
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
    files.write_new(path, data)
