"""What kind of thing a file is, by its name.

The table is fixed: :mod:`mimetypes` reads the machine's own by default, and then the same site
would be one thing here and another there. Python's own part of it stands, with what it lacks or
what browsers want otherwise. Nothing is sniffed, by us or by browsers (``nosniff``): a text file
that looks like HTML is a text file.
"""

from __future__ import annotations

from functools import lru_cache
from mimetypes import MimeTypes
from typing import Final

UNKNOWN: Final = "application/octet-stream"
_COMPRESSED: Final = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
}
"""A ``.tar.gz`` is a file of that type: it is what visitors want to keep, and not an encoding of it
that browsers should undo."""
_OURS: Final = {
    ".avif": "image/avif",
    ".css": "text/css",
    ".flac": "audio/flac",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".m4a": "audio/mp4",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".mkv": "video/x-matroska",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".svg": "image/svg+xml",
    ".torrent": "application/x-bittorrent",
    ".wasm": "application/wasm",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "text/xml",
}


def _table() -> MimeTypes:
    table = MimeTypes(filenames=())
    for extension, media in _OURS.items():
        table.add_type(media, extension)
    return table


_TABLE: Final = _table()


@lru_cache(1024)
def media_type(name: str) -> str:
    """The field ``Content-Type`` of a file of that name."""
    media, encoding = _TABLE.guess_type(f"/{name}", strict=True)
    if encoding is not None:
        return _COMPRESSED.get(encoding, UNKNOWN)
    if media is None:
        return UNKNOWN
    return f"{media}; charset=utf-8" if media.startswith("text/") else media
