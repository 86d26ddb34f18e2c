"""What files are, by their names."""

from __future__ import annotations

import pytest

from torrent.cdn.gateway.core.media import UNKNOWN, media_type


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("INDEX.HTM", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.wasm", "application/wasm"),
        ("a.svg", "image/svg+xml"),
        ("a.woff2", "font/woff2"),
        ("film.webm", "video/webm"),
        ("film.mkv", "video/x-matroska"),
        ("a.tar.gz", "application/gzip"),
        ("a.xz", "application/x-xz"),
        ("a.Z", UNKNOWN),
        ("README", UNKNOWN),
        (".html", UNKNOWN),
        ("data:text/html,x", UNKNOWN),
        ("http:x.css", "text/css; charset=utf-8"),
    ],
)
def test_types(name: str, expected: str) -> None:
    assert media_type(name) == expected
