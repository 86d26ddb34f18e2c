"""A directory without a page of its own, as HTML or JSON.

All names in it are a stranger's: they are escaped for what they are put into, and the page may load
nothing and run nothing.
"""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torrent.cdn.gateway.core.tree import Entry

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --quiet: #888; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; }
td, th { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td { overflow-wrap: anywhere; }
a { color: inherit; }
p, .q { color: var(--quiet); }
"""
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP: Final = 1024


def page(title: str, body: str, head: str = "") -> bytes:
    """A page of ours; ``title`` is escaped here, the rest is HTML already."""
    shown = escape(title)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{shown}</title><style>{STYLE}</style>{head}</head>\n"
        f"<body><h1>{shown}</h1>\n{body}</body></html>\n"
    ).encode()


def as_html(title: str, entries: Iterable[Entry], *, above: bool) -> bytes:
    """A listing for people; ``above``: there is a directory above it."""
    rows = ['<tr><td><a href="../">..</a></td><td class="n"></td></tr>'] if above else []
    for name, size in entries:
        slash = "/" if size is None else ""
        link = escape(quote(name, safe="") + slash)
        told = "" if size is None else shown_size(size)
        # With ./ before it, a name with a colon is not taken for a URL.
        rows.append(
            f'<tr><td><a href="./{link}">{escape(name)}{slash}</a></td>'
            f'<td class="n">{told}</td></tr>'
        )
    return page(title, "<table>\n" + "\n".join(rows) + "\n</table>\n")


def as_json(title: str, entries: Iterable[Entry]) -> bytes:
    """The same for programs."""
    listed = [
        {"name": name, "type": "directory"}
        if size is None
        else {"name": name, "type": "file", "size_bytes": size}
        for name, size in entries
    ]
    return (json.dumps({"path": title, "entries": listed}) + "\n").encode()


def shown_size(size: float) -> str:
    """A number of bytes for people."""
    unit = 0
    while size >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if not unit else f"{size:.1f} {_UNITS[unit]}"
