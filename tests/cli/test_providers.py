"""``provide``, ``find``, ``scrape``, ``sample`` and ``forget``, on a network of real nodes."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from dht import names
from dht.core.keys import MAINLINE_SPACE
from dht.core.messages import Provider
from dht.node.config import NETWORK
from dht.node.state import State
from tests.dhtctl import promises
from tests.running import Staying

if TYPE_CHECKING:
    from pathlib import Path

    from tests.dhtctl import Dhtctl

NOBODY = "127.0.0.1:9"


@pytest.fixture
def infohash() -> str:
    """One for each test: the network is shared and remembers."""
    return secrets.token_hex(20)


def cid(infohash: str) -> str:
    return str(names.torrent(bytes.fromhex(infohash)))


def test_provide_and_find(online: Dhtctl, infohash: str, tmp_path: Path) -> None:
    done = online("provide", infohash, "--port", "8080", "--once")
    assert (done.code, done.out) == (0, cid(infohash) + "\n")
    assert "announced to 8 nodes" in done.err
    assert "announce it again before that" in done.err
    assert promises(tmp_path) == []
    for key in (infohash, cid(infohash), f"magnet:?xt=urn:btih:{infohash}"):
        found = online("find", key)
        assert (found.code, found.out) == (0, "127.0.0.1:8080\n")
        assert "1 provider" in found.err


def test_any_cid_can_be_provided(online: Dhtctl) -> None:
    key = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
    assert online("provide", key, "--port", "1", "--once").out == key + "\n"
    assert online("find", key).out == "127.0.0.1:1\n"


def test_find_as_json_and_no_more_than_wanted(online: Dhtctl, infohash: str) -> None:
    for port in ("7001", "7002", "7003"):
        assert online("provide", infohash, "--port", port, "--once", "--seed").code == 0
    found = online("find", infohash, "--json").objects
    assert {each["port"] for each in found} == {7001, 7002, 7003}
    assert {each["type"] for each in found} == {"provider"}
    few = online("find", infohash, "-n", "2")
    assert len(few.out.splitlines()) == 2


def test_nobody_provides_it(online: Dhtctl, infohash: str) -> None:
    for verb in ("find", "scrape"):
        done = online(verb, infohash, "--json")
        assert (done.code, done.out) == (3, "")
        [error] = done.complaints
        assert "none had it" in error["achieved"]
        assert error["elapsed_s"] < 2


def test_no_network(inside: Dhtctl, infohash: str, tmp_path: Path) -> None:
    for words in (("find", infohash), ("provide", infohash), ("scrape", infohash), ("sample",)):
        done = inside(*words, "--timeout", "0.5", DHTCTL_BOOTSTRAP=NOBODY)
        assert (done.code, done.out) == (4, "")
    assert promises(tmp_path) == []


def test_a_port_that_is_none(inside: Dhtctl, infohash: str) -> None:
    assert inside("provide", infohash, "--port", "65536", DHTCTL_BOOTSTRAP=NOBODY).code == 2


def test_scrape_counts_seeds_and_others(online: Dhtctl, infohash: str) -> None:
    assert online("provide", infohash, "--port", "7001", "--once", "--seed").code == 0
    assert online("scrape", infohash).out == "1 seed, 0 peers\n"
    [told] = online("scrape", infohash, "--json").objects
    assert (told["seeds"], told["peers"], told["filters"]) == (1, 0, 8)


def test_sample_lists_what_is_provided(online: Dhtctl, infohash: str) -> None:
    assert online("provide", infohash, "--port", "7001", "--once").code == 0
    assert cid(infohash) in online("sample", infohash).out.splitlines()
    told = online("sample", "--json", "-n", "1").objects
    assert len(told) == 1
    assert told[0]["type"] == "key"


def test_provide_stays_and_forget_ends_it(
    online: Dhtctl, doors: str, infohash: str, tmp_path: Path
) -> None:
    with Staying(tmp_path, "provide", infohash, DHTCTL_BOOTSTRAP=doors) as provide:
        assert provide.line() == cid(infohash)
        assert "announced" in provide.note()
        assert "stays" in provide.note()
        [promise] = promises(tmp_path)
        assert promise.what == Provider(("0.0.0.0", 0))
        assert promise.copies == 8
        assert online("forget", infohash).out == cid(infohash) + "\n"
        assert provide.ended() == 0
    assert promises(tmp_path) == []


def test_provide_leaves_what_a_running_node_keeps(
    inside: Dhtctl, doors: str, infohash: str, tmp_path: Path
) -> None:
    words = ("node", "--listen", "127.0.0.1:0")
    with Staying(tmp_path, *words, DHTCTL_BOOTSTRAP=doors) as node:
        assert node.line()
        done = inside("provide", infohash, "--port", "7001", "--bootstrap", "")
        assert done.code == 0
        assert f"process {node.pid}" in done.err
        assert len(promises(tmp_path)) == 1
        assert node.stop() == 0


def test_forget(online: Dhtctl, infohash: str, tmp_path: Path) -> None:
    value = online("put", "--value", "forget me").out.strip()
    made = online("key", "new", "diary").out.strip()
    for salt in ((), ("--salt", "s")):
        assert online("put", "--value", "x", "--name", "diary", *salt).code == 0
    with State.open(tmp_path / "state") as state:
        key = MAINLINE_SPACE.from_bytes(bytes.fromhex(infohash))
        state.promise(NETWORK, key, Provider(("0.0.0.0", 7001)), 0.0)
    assert online("forget", "diary", "--salt", "s").out == f"{made}/s\n"
    again = online("forget", "diary/s")
    assert (again.code, again.out) == (3, "")
    assert "dhtctl status" in again.err
    rest = online("forget", "--all", "--json")
    assert [each["key"] for each in rest.objects] == [value, made, cid(infohash)]
    assert promises(tmp_path) == []
    assert online("forget", "--all").code == 0


def test_forget_what_makes_no_sense(inside: Dhtctl) -> None:
    assert inside("forget", "--all", "--salt", "s").code == 2
    assert inside("forget", "00" * 32).code == 2
    assert inside("forget", "00" * 32, "--as", "infohash").code == 3
