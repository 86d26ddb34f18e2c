"""Who may call us what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.naming import NAME
from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.gateway.core.hosts import beside, host_of, read_host
from torrent.cdn.name import Name

BARE = Name(NAME.public)
KEY = str(BARE)
HASH = "0123456789" * 4


@pytest.mark.parametrize(
    "host",
    [
        None,
        "localhost",
        "LOCALHOST:8080",
        "localhost.",
        "site.localhost:80",
        f"x{KEY}.localhost",
        f"a.b.{KEY}.localhost",
        f"-.{KEY}.localhost",
        f"{KEY}.{KEY}x.localhost",
        f"{HASH}0.localhost",
        "k51.localhost",
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
    assert read_host(host, {"mine.example"}) is None


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
        f"{KEY}x.mine.example",
        f"{KEY}.evil.example",
        f"{KEY}.localhost.evil.example",
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
        read_host(host, {"mine.example"})
    assert caught.value.status == 421


@pytest.mark.parametrize(
    ("host", "site"),
    [
        (f"{KEY}.localhost:8080", BARE),
        (f"{KEY.upper()}.LocalHost.", BARE),
        (f"site.{KEY}.localhost", NAME),
        (f"site.{KEY}.mine.example:80", NAME),
        (f"{HASH}.localhost", bytes.fromhex(HASH)),
    ],
)
def test_sites_have_hosts_to_themselves(host: str, site: Name | bytes) -> None:
    assert read_host(host, {"mine.example"}) == site


@given(
    st.binary(max_size=64) | st.from_regex(r"[a-zA-Z0-9-]{1,64}", fullmatch=True).map(str.encode)
)
def test_a_host_leads_back_to_its_site_or_there_is_none(salt: bytes) -> None:
    """As browsers write it: in small letters."""
    name = Name(NAME.public, salt)
    host = host_of(name)
    if host is not None:
        assert max(map(len, host.split("."))) <= 63
        assert read_host(host.upper()) == name


@pytest.mark.parametrize(
    "salt", [b"Blog", b"a.b", b"-a", b"a-", b"xn--a", b"a" * 64, b"\xff", b"~"]
)
def test_what_no_host_can_be_called(salt: bytes) -> None:
    assert host_of(Name(NAME.public, salt)) is None
    assert beside(Name(NAME.public, salt), "localhost:8080") == ""


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("localhost:8080", f"http://site.{KEY}.localhost:8080/"),
        ("localhost", f"http://site.{KEY}.localhost/"),
        ("127.0.0.1:80", f"http://site.{KEY}.localhost:80/"),
        ("[::1]:81", f"http://site.{KEY}.localhost:81/"),
        ("192.168.1.5:80", ""),
        ("mine.example", ""),
        ("<script>", ""),
        (None, ""),
    ],
)
def test_visitors_from_this_machine_are_told_of_it(host: str | None, url: str) -> None:
    assert beside(NAME, host) == url
    if url:
        assert beside(bytes.fromhex(HASH), host) == url.replace(f"site.{KEY}", HASH)
