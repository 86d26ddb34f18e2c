"""The page at ``/``: what is served, and the swarm of each, live.

It is complete without scripts. With them it fetches itself every two seconds and puts the new
table in the place of the old: one way to draw it, and nothing to keep in step. It loads nothing
from anywhere; the policy names its one script by hash. Names and titles are strangers' words.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import asdict, dataclass
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, Final

from torrent.cdn.gateway.core.listing import page, shown_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torrent.cdn.gateway.core.counting import State, Tally

_SCRIPT: Final = """
setInterval(async () => {
  try {
    const text = await (await fetch("/", {cache: "no-store"})).text();
    const next = new DOMParser().parseFromString(text, "text/html").querySelector("main");
    document.querySelector("main").replaceWith(next);
    document.body.classList.remove("lost");
  } catch (problem) { document.body.classList.add("lost"); }
}, 2000);
"""
_STYLE: Final = """
main { display: grid; gap: 1.5rem; }
.card { border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; }
.card h2 { font-size: 1.1rem; margin: 0 0 .2rem; overflow-wrap: anywhere; }
.card code { font-size: .75rem; overflow-wrap: anywhere; }
progress { width: 100%; height: .5rem; accent-color: #2a9d6f; }
.facts { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem; font-variant-numeric: tabular-nums; }
.badge { border: 1px solid var(--line); border-radius: 1rem; padding: 0 .5rem; font-size: .75rem; }
.lost::before { content: "the gateway does not answer any more"; color: #c33; }
"""
_HEAD: Final = f"<style>{_STYLE}</style><script type=module>{_SCRIPT}</script>"
POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; script-src "
    f"'sha256-{b64encode(sha256(_SCRIPT.encode()).digest()).decode()}'"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is served. Sizes in bytes, rates in bytes a second.

    Attributes:
        title: What people call it.
        url: Its path here.
        name: The name that leads to it; empty of a torrent without.
        seq: Which version of that; 0 if it is not known yet, or has none.
        infohash: Its torrent, in hexadecimal; empty if that is not known yet.
        phase: How far it is.
        size_bytes: All of it.
        have_bytes: What is here, verified.
        peers: Connections.
        seeds: Those that have all of it.
        download_rate: From peers and origins.
        upload_rate: To peers.
        pinned: Whether it stays.
        own: Its URL with an origin to itself; empty if it has none.
    """

    title: str
    url: str
    name: str = ""
    seq: int = 0
    infohash: str = ""
    phase: str = "looking for it"
    size_bytes: int = 0
    have_bytes: int = 0
    peers: int = 0
    seeds: int = 0
    download_rate: float = 0.0
    upload_rate: float = 0.0
    pinned: bool = False
    own: str = ""


def as_html(rows: Sequence[Row], tally: Tally, state: State) -> bytes:
    """The page."""
    cards = "\n".join(map(_card, rows)) or (
        "<p>Nothing yet. Open <code>/btpk/k51…/</code> for a name, <code>/btih/HASH/</code> for a "
        "torrent, and it is fetched, verified, and shown.</p>"
    )
    return page("dhtctl gateway", f"<main>\n{cards}\n{_footer(tally, state)}</main>\n", _HEAD)


def as_json(rows: Sequence[Row], tally: Tally, state: State) -> bytes:
    """The same for programs."""
    told = {
        "type": "gateway",
        "served": [asdict(row) for row in rows],
        "reads": asdict(tally),
        "state": asdict(state),
    }
    return (json.dumps(told) + "\n").encode()


def _card(row: Row) -> str:
    version = f" <span class=badge>version {row.seq}</span>" if row.seq else ""
    pinned = " <span class=badge>pinned</span>" if row.pinned else ""
    facts = [
        row.phase,
        f"{shown_size(row.have_bytes)} of {shown_size(row.size_bytes)}",
        f"{row.peers} peers, {row.seeds} with all of it",
        f"↓ {shown_size(row.download_rate)}/s",
        f"↑ {shown_size(row.upload_rate)}/s",
    ]
    shown = "".join(f"<span>{escape(fact)}</span>" for fact in facts)
    if row.own:
        shown += f'<span><a href="{escape(row.own)}">as an origin of its own</a></span>'
    return (
        f'<section class=card><h2><a href="{escape(row.url)}">{escape(row.title)}</a>'
        f"{version}{pinned}</h2>"
        f'<progress max="{row.size_bytes or 1}" value="{row.have_bytes}"></progress>'
        f'<div class="facts q">{shown}</div>'
        f"<code class=q>{escape(row.name or row.infohash)}</code></section>"
    )


def _footer(tally: Tally, state: State) -> str:
    reads = tally.hits + tally.misses
    rate = f"{100 * tally.hits // reads} % of {reads} reads from the cache" if reads else "no reads"
    return (
        '<p class="facts">'
        f"<span>cache {shown_size(state.cache)} of {shown_size(state.limit)}</span>"
        f"<span>from peers {shown_size(state.peer)}</span>"
        f"<span>from origins {shown_size(state.origin)}</span><span>{rate}</span>"
        f"<span>{state.visitors} visitors</span>"
        '<span><a href="/metrics">metrics</a></span></p>\n'
    )
