"""Making a torrent of files, as ``create`` and ``seed`` do."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cli.errors import CommandError, UsageError
from torrent.core.metainfo import About, Metainfo, Version, read_metainfo
from torrent.core.metainfo.urls import is_tracker, is_web_seed
from torrent.errors import MetainfoError
from torrent.io.hashing import Created, create

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.context import Context
    from torrent.io.disk import Disk

_VERSIONS = {"v1": Version.V1, "v2": Version.V2, "hybrid": Version.HYBRID, None: Version.HYBRID}


async def make(context: Context, disk: Disk, path: str) -> tuple[Metainfo, Created]:
    """Hash ``path`` and make a torrent of it, with the words of the command line about it.

    Raises:
        StorageError: It cannot be read.
        CommandError: It is not there, or there is nothing in it.
        UsageError: A URL is none, or the path is no path.
    """
    args = context.args
    about = _about(args)
    _check(path)
    with context.out.progress(f"hashing {path}") as progress, _blamed_on(path):
        made = await create(
            disk,
            path,
            _VERSIONS[args.version],
            piece_length=args.piece_size,
            about=about,
            progress=lambda done, total: progress.update("pieces", done, total),
        )
    if about.private and not about.trackers:
        context.out.warn(
            f"{path} is private, and no tracker is named: nobody will find it",
            hint="name one with --tracker, or leave out --private",
        )
    return read_metainfo(made.metainfo), made


def _check(path: str) -> None:
    """Refuse what cannot be meant."""
    if not path:
        raise UsageError("an empty name names no file", hint="give the file or directory to share")
    if path.startswith("magnet:"):
        raise UsageError(
            "a magnet link is no file to share", hint="`dhtctl fetch LINK --seed-after` shares it"
        )
    if not os.path.lexists(path):
        raise CommandError(f"there is no file or directory {path}")


@contextmanager
def _blamed_on(path: str) -> Iterator[None]:
    """Say of a path what a torrent's fields would say of it."""
    try:
        yield
    except MetainfoError as error:
        empty = error.field in ("info.files", "info.piece length")
        why = "there is nothing in it" if empty else str(error)
        raise CommandError(f"no torrent can be made of {path}: {why}") from error


def _about(args: Any) -> About:
    for url in args.tracker:
        if not is_tracker(url):
            raise UsageError(
                f"--tracker: {url!r} is none", hint="its URL begins with http, https or udp"
            )
    for url in args.web_seed:
        if not is_web_seed(url):
            raise UsageError(
                f"--web-seed: {url!r} is none", hint="its URL begins with http or https"
            )
    return About(
        trackers=tuple((url,) for url in args.tracker),
        web_seeds=tuple(args.web_seed),
        comment=args.comment,
        private=args.private,
        source=args.source,
    )
