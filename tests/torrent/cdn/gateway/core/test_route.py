"""What paths mean, and which mean nothing however they are written."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.naming import NAME
from torrent.cdn.gateway.core.errors import Refused
from torrent.cdn.gateway.core.route import MAX_TARGET, mount_of, read_route
from torrent.cdn.name import Name
from torrent.core.metainfo.paths import MAX_DEPTH

KEY = str(Name(NAME.public))
HASH = "ab" * 20


@pytest.mark.parametrize(
    ("path", "what", "elements", "slash"),
    [
        (f"/btpk/{KEY}", Name(NAME.public), (), False),
        (f"/btpk/{KEY}/", Name(NAME.public), (), True),
        (f"/btpk/{NAME.public.hex()}~site/a", NAME, ("a",), False),
        (f"/btpk/{KEY}~site/a/b/", NAME, ("a", "b"), True),
        (f"/btpk/{KEY}~%73ite/", NAME, (), True),
        (f"/btpk/{KEY}~/x", Name(NAME.public), ("x",), False),
        (f"/btih/{HASH}/a%20b/c%C3%A9", bytes.fromhex(HASH), ("a b", "cé"), False),
        (f"/btih/{HASH.upper()}/", bytes.fromhex(HASH), (), True),
        (f"/btih/{'cd' * 32}/x", bytes.fromhex("cd" * 32), ("x",), False),
        (f"/btih/{HASH}/...", bytes.fromhex(HASH), ("...",), False),
    ],
)
def test_paths(path: str, what: object, elements: tuple[str, ...], *, slash: bool) -> None:
    route = read_route(path)
    assert (route.what, route.path, route.slash) == (what, elements, slash)
    assert path.startswith(route.mount)
    assert read_route(route.url(elements)).path == elements


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("", 404),
        ("/", 404),
        ("/btpk", 404),
        ("/btpk/", 404),
        ("//btpk/x", 404),
        ("/ipfs/x/y", 404),
        ("x/btpk/y", 404),
        ("/btpk/k51nothing/", 400),
        ("/btpk/magnet%3A%3F/", 400),
        (f"/btpk/{KEY}~{'x' * 65}/", 400),
        (f"/btpk/{'ab' * 20}/", 400),
        ("/btpk/../btih/", 400),
        (f"/btih/{HASH[1:]}/", 400),
        (f"/btih/{HASH}g/", 400),
        (f"/btih/{KEY}/", 400),
        (f"/btih/{HASH}/..", 400),
        (f"/btih/{HASH}/../../etc/passwd", 400),
        (f"/btih/{HASH}/%2e%2e/x", 400),
        (f"/btih/{HASH}/%2E./x", 400),
        (f"/btih/{HASH}/a/./b", 400),
        (f"/btih/{HASH}/a//b", 400),
        (f"/btih/{HASH}//", 400),
        (f"/btih/{HASH}/a%2fb", 400),
        (f"/btih/{HASH}/..%5c..%5cx", 400),
        (f"/btih/{HASH}/a%00b", 400),
        (f"/btih/{HASH}/%0d%0aSet-Cookie:x", 400),
        (f"/btih/{HASH}/%7f", 400),
        (f"/btih/{HASH}/%ff", 400),
        (f"/btih/{HASH}/%c0%ae%c0%ae/x", 400),
        (f"/btih/{HASH}/{'a/' * (MAX_DEPTH + 1)}", 404),
        (f"/btih/{HASH}/{'a' * MAX_TARGET}", 414),
    ],
)
def test_what_is_refused(path: str, status: int) -> None:
    with pytest.raises(Refused) as caught:
        read_route(path)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("path", "elements", "slash"),
    [("/", (), True), ("/a", ("a",), False), ("/a/b%20c/", ("a", "b c"), True)],
)
def test_paths_at_a_host_of_its_own(path: str, elements: tuple[str, ...], *, slash: bool) -> None:
    route = read_route(path, NAME)
    assert (route.mount, route.what, route.path, route.slash) == ("", NAME, elements, slash)
    assert read_route(route.url(elements), NAME).path == elements
    with pytest.raises(Refused):
        read_route(f"{path}/../x", NAME)


def test_doubly_encoded_dots_are_an_ordinary_name() -> None:
    assert read_route(f"/btih/{HASH}/%252e%252e").path == ("%2e%2e",)


@given(st.binary(max_size=64))
def test_names_come_back(salt: bytes) -> None:
    name = Name(NAME.public, salt)
    assert read_route(mount_of(name)).what == name


@given(
    st.lists(
        st.text(
            st.characters(exclude_characters="/\\", exclude_categories=("Cc", "Cs")), min_size=1
        ).filter(lambda t: t not in (".", "..")),
        max_size=6,
    )
)
def test_any_other_name_is_found(parts: list[str]) -> None:
    path = "/".join([f"/btih/{HASH}", *(quote(part, safe="") for part in parts)])
    if len(path) <= MAX_TARGET:
        assert read_route(path).path == tuple(parts)
