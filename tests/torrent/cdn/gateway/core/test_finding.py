"""What is at a path of a site."""

from __future__ import annotations

import pytest

from tests.torrent_samples import HYBRID, sample
from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.gateway.core.finding import Found, Listed, Moved, absent, present
from torrent.cdn.gateway.core.redirects import read_redirects
from torrent.cdn.gateway.core.route import read_route
from torrent.cdn.gateway.core.tree import Tree

MOUNT = "/btih/" + "ab" * 20
NAMES = ("index.html", "a/x y", "b/index.html", "c/404.html")
SITE = sample({f"t/{name}": 3 for name in NAMES}, HYBRID)
TREE = Tree(SITE.info)
RULES = """
/old/*  /b/:splat?q=1#f 302
/away   https://example.org/ü 301
/app/*  /b/ 200
/page   /index.html 451
/none   /nowhere 200
/gone   /nowhere 410
/trap   /../x 200
""".encode()


def at(path: str, rules: bytes = b"") -> object:
    route = read_route(MOUNT + path)
    return present(TREE, route) or absent(TREE, route, read_redirects(rules))


def index(name: str) -> int:
    return SITE.index(f"t/{name}")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/index.html", Found(index("index.html"))),
        ("/", Found(index("index.html"))),
        ("", Moved(f"{MOUNT}/", 301)),
        ("/a", Moved(f"{MOUNT}/a/", 301)),
        ("/a/", Listed(("a",))),
        ("/a/x%20y", Found(index("a/x y"))),
        ("/b/", Found(index("b/index.html"))),
        ("/c/none", Found(index("c/404.html"), 404)),
        ("/old/x", Moved(f"{MOUNT}/b/x?q=1#f", 302)),
        ("/away", Moved("https://example.org/%C3%BC", 301)),
        ("/app/any/thing", Found(index("b/index.html"))),
        ("/page", Found(index("index.html"), 451)),
    ],
)
def test_outcomes(path: str, expected: object) -> None:
    assert at(path, RULES) == expected


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nix", 404), ("/index.html/", 404), ("/none", 404), ("/gone", 410), ("/trap", 400)],
)
def test_nothing(path: str, status: int) -> None:
    with pytest.raises(Refused) as caught:
        at(path, RULES)
    assert caught.value.status == status


def test_no_rule_leads_from_the_root_of_a_host_to_another() -> None:
    """Two slashes at its beginning would be the name of one."""
    rules = read_redirects(b"/:x/* /:splat/:x\n")
    moved = absent(TREE, read_route("/evil.example/", b"\xab" * 20), rules)
    assert moved == Moved("/evil.example", 301)
