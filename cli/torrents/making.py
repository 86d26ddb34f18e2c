"""Making a torrent of files, as ``create`` and ``seed`` do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.errors import UsageError
from torrent.core.metainfo import About, Metainfo, Version, read_metainfo
from torrent.core.metainfo.urls import is_tracker, is_web_seed
from torrent.io.hashing import Created, create

if TYPE_CHECKING:
    from cli.context import Context
    from torrent.io.disk import Disk

_VERSIONS = {"v1": Version.V1, "v2": Version.V2, "hybrid": Version.HYBRID, None: Version.HYBRID}


async def make(context: Context, disk: Disk, path: str) -> tuple[Metainfo, Created]:
    """Hash ``path`` and make a torrent of it, with the words of the command line about it.

    Raises:
        StorageError: It cannot be read.
        MetainfoError: There is nothing in it.
        UsageError: A URL is none.
    """
    args = context.args
    about = _about(args)
    with context.out.progress(f"hashing {path}") as progress:
        made = await create(
            disk,
            path,
            _VERSIONS[args.version],
            piece_length=args.piece_size,
            about=about,
            progress=lambda done, total: progress.update("pieces", done, total),
        )
    return read_metainfo(made.metainfo), made


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
