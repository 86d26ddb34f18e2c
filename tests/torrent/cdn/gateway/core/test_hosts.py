"""Who may call us what."""

from __future__ import annotations

import pytest

from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.gateway.core.hosts import check_host


@pytest.mark.parametrize(
    "host",
    [
        None,
        "localhost",
        "LOCALHOST:8080",
        "localhost.",
        "site.localhost:80",
        "127.0.0.1:8080",
        "127.1.2.3",
        "[::1]:8080",
        "[::1]",
        "192.168.1.5:8080",
        "mine.example:1",
        "MINE.example",
    ],
)
def test_ours(host: str | None) -> None:
    check_host(host, {"mine.example"})


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1.nip.io:8080",
        "notlocalhost",
        "mine.example.evil",
        "x.mine.example",
        "localhost:x",
        "localhost:8080:80",
        "local host",
        "user@localhost",
        "[::1",
        "[::1]x",
        "[evil]",
        "2130706433.",
        "127.1",
        "a" * 300,
    ],
)
def test_not_ours(host: str) -> None:
    with pytest.raises(Refused) as caught:
        check_host(host, {"mine.example"})
    assert caught.value.status == 421
