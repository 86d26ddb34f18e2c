"""What nodes that stay are told, and what they need."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Any

import pytest

from cli import residents, settings
from cli.errors import CommandError, UsageError
from dht.node.config import EVERYWHERE, PUBLIC_BOOTSTRAP

if TYPE_CHECKING:
    from cli.settings import Settings


def set_to(**given: Any) -> Settings:
    return settings.resolve({"state": "/nowhere", **given}, {"HOME": "/nowhere"})


@pytest.mark.parametrize(
    ("words", "bound"),
    [
        (None, EVERYWHERE),
        (["6881"], (("0.0.0.0", 6881), ("::", 6881))),
        ([":6881"], (("0.0.0.0", 6881), ("::", 6881))),
        (["127.0.0.1:7", "[::1]:8"], (("127.0.0.1", 7), ("::1", 8))),
        (["fe80::1%eth0"], (("fe80::1%eth0", 6881),)),
    ],
)
def test_what_is_bound(words: list[str] | None, bound: tuple[tuple[str, int], ...]) -> None:
    given = {} if words is None else {"listen": words}
    assert residents.listen(set_to(**given)) == bound


@pytest.mark.parametrize("word", ["", "here", "here:7", "65536", "1.2.3.4:65536", "1.2.3.4:x"])
def test_what_cannot_be_bound(word: str) -> None:
    with pytest.raises(UsageError, match="--listen"):
        residents.listen(set_to(listen=[word]))


@pytest.mark.parametrize(
    ("words", "doors"),
    [
        (None, PUBLIC_BOOTSTRAP),
        ([""], ()),
        (["router.example", "[::1]:7"], (("router.example", 6881), ("::1", 7))),
    ],
)
def test_where_to_join(words: list[str] | None, doors: tuple[tuple[str, int], ...]) -> None:
    given = {} if words is None else {"bootstrap": words}
    assert residents.bootstrap(set_to(**given)) == doors


def test_where_nobody_can_join() -> None:
    with pytest.raises(UsageError, match="--bootstrap"):
        residents.bootstrap(set_to(bootstrap=["a:b"]))


def test_addresses_are_shown_as_they_are_typed() -> None:
    assert residents.shown([("::1", 7), ("1.2.3.4", 5)]) == ["[::1]:7", "1.2.3.4:5"]


def limits(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int) -> list[tuple[int, int]]:
    """Pretend that these are the limits; the list is of those that were set."""
    changes: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: changes.append(pair))
    return changes


@pytest.mark.parametrize(
    ("soft", "hard", "changes"),
    [
        (1024, 4096, []),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, []),
        (128, 4096, [(164, 4096)]),
        (128, resource.RLIM_INFINITY, [(164, resource.RLIM_INFINITY)]),
        (128, 164, [(164, 164)]),
    ],
)
def test_the_limit_of_files_is_raised_when_it_must_be(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, changes: list[tuple[int, int]]
) -> None:
    changed = limits(monkeypatch, soft, hard)
    residents.allow_sockets(100)
    assert changed == changes


def test_the_limit_of_files_that_cannot_be_raised_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    limits(monkeypatch, 128, 163)
    with pytest.raises(CommandError, match="163 is the limit"):
        residents.allow_sockets(100)
