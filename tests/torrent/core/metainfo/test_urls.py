from __future__ import annotations

import pytest

from torrent.core.metainfo.urls import encoded_path, is_tracker, is_web_seed

GOOD = [
    "http://a/announce",
    "HTTPS://tracker.example.com:443/announce?passkey=1",
    "http://user:pass@example.com/x",
    "http://[::1]:80/announce",
    "http://[fe80::1%25eth0]/",
    "http://example.com",
    "http://example.com?x=1",
    "http://example.com#x",
]
BAD = [
    "",
    "http",
    "http:/a",
    "http://",
    "http:///path",
    "http://a b/",
    "http://a/b c",
    "http://a/\r\nHost: b",
    "http://a/\x7f",
    "http://[::1/",
    "http://a:port/",
    "http://a:123456/",
    "http://exa_mple/",
    "http://münchen/",
    "file:///etc/passwd",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("url", GOOD)
def test_good_urls(url: str) -> None:
    assert is_tracker(url)
    assert is_web_seed(url)


@pytest.mark.parametrize("url", BAD)
def test_bad_urls(url: str) -> None:
    assert not is_tracker(url)
    assert not is_web_seed(url)


def test_trackers_speak_udp_and_web_seeds_do_not() -> None:
    assert is_tracker("udp://a:6969")
    assert is_tracker("UDP://a:6969/announce")
    assert not is_web_seed("udp://a:6969")
    assert not is_tracker("wss://a/")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a/b c", "http://a/b%20c"),
        ("http://a/b%20c", "http://a/b%20c"),
        ("http://a/ü\n", "http://a/%C3%BC%0A"),
        ("http://a/?x=1&y=(2)", "http://a/?x=1&y=(2)"),
        ("http://a b/c d", "http://a b/c%20d"),
        ("no url at all", "no url at all"),
    ],
)
def test_paths_are_encoded(url: str, expected: str) -> None:
    assert encoded_path(url) == expected
