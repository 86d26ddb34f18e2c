"""``fetch`` and ``info`` of names and of links that have one (BEP 46), from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dht.codec.bencode import encode
from tests.dhtctl import dhtctl_inside
from tests.naming import NAME, infohash, record
from tests.running import Staying
from tests.torrent_samples import noise
from torrent.cdn.memory import Memory
from torrent.core.metainfo import read_magnet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.dhtctl import Dhtctl

FILM = noise(300 * 1024)


@pytest.fixture
def named(tmp_path: Path, doors: str) -> Iterator[tuple[str, str]]:
    """A name that leads to a film which is seeded, and the film's infohash."""
    away = tmp_path / "away"
    away.mkdir()
    (away / "film").write_bytes(FILM)
    there = dhtctl_inside(away)
    name = there("key", "new", "me").out.split()[-1]
    with Staying(away, "seed", "film", DHTCTL_BOOTSTRAP=doors) as running:
        found = read_magnet(running.line()).infohashes[0]
        running.told("at work on port")
        value = encode({b"ih": found})
        words = ("put", "-", "--bencoded", "--name", "me", "--salt", "films")
        assert there(*words, stdin=value, DHTCTL_BOOTSTRAP=doors).code == 0
        yield f"{name}/films", found.hex()


def test_a_name_is_fetched_in_every_form(
    online: Dhtctl, named: tuple[str, str], tmp_path: Path
) -> None:
    name, found = named
    [told] = online("info", name, "--offline", "--json").objects
    assert (told["type"], told["name"]) == ("name", name)
    for number, text in enumerate((name, told["magnet"], f"dht://{name}")):
        done = online("fetch", text, "-o", f"{number}", "--json")
        assert done.code == 0, done.err
        assert (tmp_path / f"{number}" / "film").read_bytes() == FILM
        [led] = [each for each in done.complaints if each["type"] == "name"]
        assert (led["name"], led["seq"], led["infohash"]) == (name, 1, found)


def test_info_follows_a_name(online: Dhtctl, named: tuple[str, str]) -> None:
    name, found = named
    [told] = online("info", name, "--json").objects
    assert (told["type"], told["infohash_v1"]) == ("torrent", found)
    link = f"magnet:?xt=urn:btih:{found}&{told_magnet(online, name).partition('?')[2]}"
    [told] = online("info", link, "--offline", "--json").objects
    assert (told["publisher"], told["magnet"]) == (name, link)
    assert name in online("info", link, "--offline").out


def told_magnet(online: Dhtctl, name: str) -> str:
    magnet: str = online("info", name, "--offline", "--json").objects[0]["magnet"]
    return magnet


def test_a_name_that_nobody_has(online: Dhtctl) -> None:
    done = online("fetch", str(NAME), "--json")
    [error] = [each for each in done.complaints if each["type"] == "error"]
    assert (done.code, error["code"], error["asked"] > 0) == (3, "not_found", True)


def test_one_that_was_seen_before_is_gone_on_with(online: Dhtctl, tmp_path: Path) -> None:
    with Memory.open(tmp_path / "state") as memory:
        memory.saw(NAME, record(3), 1.0)
    done = online("fetch", str(NAME), DHTCTL_PATIENCE="0.5")
    assert "version 3 is known from before: going on with that" in done.err
    assert infohash(3).hex() in done.err
    assert done.code == 4


def test_without_a_network_there_is_nobody_to_ask(inside: Dhtctl) -> None:
    assert inside("fetch", str(NAME), DHTCTL_BOOTSTRAP="127.0.0.1:9").code == 4


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("fetch", str(NAME), "--no-dht"), "only the DHT knows"),
        (("verify", str(NAME)), "not a torrent's"),
        (("fetch", "magnet:?xs=urn:btpk:00"), "no urn:btih"),
    ],
)
def test_where_a_name_makes_no_sense(inside: Dhtctl, words: Any, why: str) -> None:
    done = inside(*words)
    assert (done.code, why in done.err) == (2, True), done.err
