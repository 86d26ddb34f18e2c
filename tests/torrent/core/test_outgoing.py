"""URLs from strangers, and libtorrent's rules against request forgery, each as a row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.mainline.compact import Scope
from torrent.core.outgoing import MAX_URL, BadUrl, Purpose, Url, objection, parse, reach


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://t.example/announce", Url("http", "t.example", 80, "/announce")),
        ("HTTPS://T.Example", Url("https", "t.example", 443, "/")),
        ("http://t.example:81?x=1", Url("http", "t.example", 81, "/?x=1")),
        ("http://t.example/a#b", Url("http", "t.example", 80, "/a")),
        ("udp://t.example:6969", Url("udp", "t.example", 6969, "/")),
        ("http://127.0.0.1:1/a", Url("http", "127.0.0.1", 1, "/a")),
        ("http://[::1]:1/a", Url("http", "::1", 1, "/a")),
        ("http://a_b.example./ü", Url("http", "a_b.example.", 80, "/%C3%BC")),
        ("http://me:pa%3Ass@t/", Url("http", "t", 80, "/", "Basic bWU6cGE6c3M=")),
        ("http://me@t/", Url("http", "t", 80, "/", "Basic bWU6")),
    ],
)
def test_urls_are_taken_apart(text: str, url: Url) -> None:
    assert parse(text) == url


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "scheme ''"),
        ("ftp://t/a", "scheme 'ftp'"),
        ("file:///etc/passwd", "scheme 'file'"),
        ("//t/a", "scheme ''"),
        ("http://t/a\r\nHost: other", "control characters"),
        ("http://t/a b", "blanks"),
        ("http://t/\x7f", "control characters"),
        ("http://t/\ud800", "control characters"),
        ("http://t/" + "a" * MAX_URL, "too long"),
        ("http://t:99999/a", "cannot be read"),
        ("http://t:x/a", "cannot be read"),
        ("http://[::1/a", "cannot be read"),
        ("http:///a", "no host"),
        ("http://-t/a", "no host"),
        ("http://t..example/", "no host"),
        ("http://t%2eexample/", "no host"),
        ("http://" + "a" * 64 + "/", "no host"),
        ("http://" + "a." * 127 + "a/", "no host"),
        ("http://[::ffff:127.0.0.1]/", "no IPv6 address"),
        ("http://[::]/", "no IPv6 address"),
        ("udp://t/announce", "must name a port"),
        ("http://bücher.example/", "internationalised"),
        ("http://xn--bcher-kva.example/", "internationalised"),
        ("http://a.XN--bcher-kva.example/", "internationalised"),
    ],
)
def test_what_is_not_followed(text: str, why: str) -> None:
    with pytest.raises(BadUrl, match=why):
        parse(text)


def test_internationalised_names_where_allowed() -> None:
    for text in ("http://bücher.example/", "http://xn--bcher-kva.example/"):
        assert parse(text, allow_idna=True).host == "xn--bcher-kva.example"
    with pytest.raises(BadUrl, match="no valid internationalised name"):
        parse("http://" + "ü" * 80 + "/", allow_idna=True)


@given(st.text(max_size=60) | st.text(max_size=60).map(lambda rest: f"http://h/{rest}"))
def test_whatever_passes_fits_into_a_request_line(text: str) -> None:
    try:
        url = parse(text)
    except BadUrl:
        return
    assert url.target.startswith("/")
    assert all(33 <= ord(c) <= 126 for c in url.target + url.host)
    assert url.path + (f"?{url.query}" if url.query else "") in {url.target, url.target[:-1]}


@pytest.mark.parametrize(
    "text",
    ["http://t.example/a?b", "https://t.example:8443/", "udp://[2001:db8::1]:5/", "http://t:81/"],
)
def test_urls_are_shown_as_they_were(text: str) -> None:
    assert str(parse(text)) == text


def test_passwords_are_not_shown() -> None:
    assert str(parse("http://me:secret@t.example/a")) == "http://t.example/a"


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        ("8.8.8.8", Scope.WORLD),
        ("2001:4860:4860::8888", Scope.WORLD),
        ("10.1.2.3", Scope.SITE),
        ("172.31.0.1", Scope.SITE),
        ("192.168.1.1", Scope.SITE),
        ("169.254.169.254", Scope.SITE),
        ("100.64.0.1", Scope.SITE),
        ("fe80::1%eth0", Scope.SITE),
        ("fd00::1", Scope.SITE),
        ("127.0.0.1", Scope.HOST),
        ("::1", Scope.HOST),
        ("0.0.0.0", Scope.HOST),
        ("::", Scope.HOST),
        ("::ffff:127.0.0.1", Scope.HOST),
        ("::ffff:8.8.8.8", Scope.HOST),
    ],
)
def test_how_far_an_address_reaches_when_dialled(address: str, scope: Scope) -> None:
    assert reach(address) == scope


TRACKER, WEB_SEED = Purpose.TRACKER, Purpose.WEB_SEED
HOST, SITE, WORLD = "127.0.0.1", "192.168.1.1", "8.8.8.8"


@pytest.mark.parametrize(
    ("purpose", "address", "target", "redirected", "why"),
    [
        # A tracker on this machine is only asked for /announce...
        (TRACKER, HOST, "/announce", False, None),
        (TRACKER, HOST, "/announce/passkey?x=1", False, None),
        (TRACKER, HOST, "/announce.php", False, None),
        (TRACKER, HOST, "/scrape?info_hash=x", False, None),
        (TRACKER, HOST, "/", False, "only asked for /announce"),
        (TRACKER, HOST, "/api/reboot?x=/announce", False, "only asked for /announce"),
        (TRACKER, HOST, "/x/announce", False, "only asked for /announce"),
        (TRACKER, "::", "/x", False, "only asked for /announce"),
        (TRACKER, HOST, "/x", True, "only asked for /announce"),
        # ...others for what they like.
        (TRACKER, SITE, "/tracker.php?x=1", False, None),
        (TRACKER, WORLD, "/tracker.php?x=1", True, None),
        # A web seed at a local address has no query...
        (WEB_SEED, HOST, "/file", False, None),
        (WEB_SEED, SITE, "/file", False, None),
        (WEB_SEED, HOST, "/file?reboot=1", False, "may not have a query"),
        (WEB_SEED, SITE, "/file?reboot=1", False, "may not have a query"),
        (WEB_SEED, WORLD, "/file?x=1", False, None),
        # ...and a global one does not send us to a local one.
        (WEB_SEED, HOST, "/file", True, "may not redirect"),
        (WEB_SEED, SITE, "/file", True, "may not redirect"),
        (WEB_SEED, "fd00::1", "/file", True, "may not redirect"),
        (WEB_SEED, WORLD, "/file", True, None),
    ],
)
def test_the_rules(
    purpose: Purpose,
    address: str,
    target: str,
    redirected: bool,  # noqa: FBT001
    why: str | None,
) -> None:
    reason = objection(purpose, address, url=Url("http", "x", 80, target), redirected=redirected)
    assert (reason is None) == (why is None)
    assert (why or "") in (reason or "")
