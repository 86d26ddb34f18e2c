"""``dhtctl status``: promises, the node, and that it needs neither a network nor a state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cli.actions.status import Standing
from dht import names
from dht.core.keys import Key
from dht.core.messages import Provider
from dht.mainline.items import immutable_record, sign_record
from dht.node.promises import Keeping, StoredPromise
from dht.node.state import State
from tests.running import Staying

if TYPE_CHECKING:
    from pathlib import Path

    from dht.core.messages import Record
    from tests.dhtctl import Dhtctl

NETWORK = "mainline"
NOW = 1_800_000_000.0
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NAME = names.name(SIGNER.public_key().public_bytes_raw(), b"blog")
VALUE = immutable_record(b"5:hello")
INFOHASH = Key(int.from_bytes(b"i" * 20, "big"))


def named(seq: int) -> Record:
    return sign_record(SIGNER, b"5:hello", seq, b"blog")


def test_without_a_state_there_is_nothing_and_nothing_is_made(
    dhtctl: Dhtctl, tmp_path: Path
) -> None:
    done = dhtctl("status")
    assert (done.code, done.err) == (0, "")
    assert f"state     {tmp_path / 'state'}\n" in done.out
    assert "node      none is running\n" in done.out
    assert "promises  none\n" in done.out
    assert not (tmp_path / "state").exists()


def test_promises_are_shown_by_the_names_their_owner_knows(dhtctl: Dhtctl, tmp_path: Path) -> None:
    with State.open(tmp_path / "state") as state:
        state.promise(NETWORK, VALUE.key, VALUE, NOW)
        record = named(7)
        state.promise(NETWORK, record.key, record, NOW)
        state.promise(NETWORK, INFOHASH, Provider(("0.0.0.0", 8080)), NOW)
        state.promise(NETWORK, INFOHASH, Provider(("0.0.0.0", 0), seed=True), NOW)
    done = dhtctl("status")
    assert done.code == 0
    assert "promises  4\n" in done.out
    cells = [line.split() for line in done.out.splitlines()[4:]]
    assert [words[0] for words in cells] == [
        str(names.item(b"5:hello")),
        str(NAME),
        str(names.torrent(b"i" * 20)),
        str(names.torrent(b"i" * 20)),
    ]
    assert "a value, 7 bytes bencoded" in done.out
    assert "version 7" in done.out
    assert "provided on port 8080" in done.out
    assert "provided on the node's port" in done.out
    assert "nobody keeps them: start one with `dhtctl node`" in done.err


def test_programs_get_one_object_a_promise(dhtctl: Dhtctl, tmp_path: Path) -> None:
    with State.open(tmp_path / "state") as state:
        number = state.promise(NETWORK, VALUE.key, VALUE, NOW)
        state.kept(number, "ipv4", NOW, copies=8, due=NOW + 3600)
        record = named(7)
        state.promise(NETWORK, record.key, record, NOW)
        state.promise(NETWORK, INFOHASH, Provider(("0.0.0.0", 8080), seed=True), NOW)
    done = dhtctl("status", "--json")
    node, stored, value, name, provider = done.objects
    assert (node["type"], node["running"], node["pid"]) == ("node", False, None)
    assert (stored["type"], stored["promises"], stored["contacts"]) == ("stored", 3, 0)
    assert {value["type"], name["type"], provider["type"]} == {"promise"}
    assert (value["what"], value["copies"], value["last_attempt_failed"]) == ("value", 8, False)
    assert value["next_due_in_s"] == pytest.approx(3600 - value["last_success_age_s"], abs=0.01)
    assert (name["what"], name["seq"], name["salt"]) == ("name", 7, b"blog".hex())
    assert (name["copies"], name["last_success_age_s"]) == (0, None)
    assert (provider["what"], provider["port"], provider["seed"]) == ("provider", 8080, True)
    assert provider["key"] == (b"i" * 20).hex()


def test_a_running_node_is_shown_with_its_process_and_addresses(
    dhtctl: Dhtctl, tmp_path: Path
) -> None:
    with Staying(tmp_path, "node", "--json", "--listen", "127.0.0.1:0") as running:
        where = running.object()["addresses"][0]
        done = dhtctl("status")
        assert f"node      process {running.pid} at {where}\n" in done.out
        node = dhtctl("status", "--json").objects[0]
        assert (node["running"], node["pid"], node["addresses"]) == (True, running.pid, [where])
        assert running.stop() == 0
    assert "none is running" in dhtctl("status").out


def test_a_killed_node_is_not_running(dhtctl: Dhtctl, tmp_path: Path) -> None:
    with Staying(tmp_path, "node", "--listen", "127.0.0.1:0") as running:
        running.line()
        running.process.kill()
        running.process.wait()
        assert "none is running" in dhtctl("status").out


def test_a_damaged_database_is_left_as_it_is(dhtctl: Dhtctl, tmp_path: Path) -> None:
    directory = tmp_path / "state"
    directory.mkdir()
    (directory / "state.sqlite3").write_bytes(b"this is no database" * 100)
    done = dhtctl("status")
    assert (done.code, done.out) == (1, "")
    assert "is damaged" in done.err
    assert [path.name for path in directory.iterdir()] == ["state.sqlite3"]


# How one promise stands.


def promise(*keepings: Keeping, what: Any = VALUE) -> StoredPromise:
    key = what.key if what else VALUE.key
    return StoredPromise(1, 1, NETWORK, key, what, NOW, NOW + 60, None, keepings)


def keeping(family: str, at: float, succeeded: float | None, copies: int) -> Keeping:
    return Keeping(family, at, succeeded, copies, at + 3600)


@pytest.mark.parametrize(
    ("keepings", "success", "following"),
    [
        ((), "not published yet", "next in 60 s"),
        ((keeping("ipv4", NOW - 30, NOW - 30, 8),), "8 copies 30 s ago", "next in 60 min"),
        ((keeping("ipv4", NOW - 30, NOW - 30, 1),), "1 copy 30 s ago", "next in 60 min"),
        ((keeping("ipv4", NOW - 30, None, 0),), "no success yet", "next in 60 min"),
        (
            (keeping("ipv4", NOW - 5400, NOW - 9000, 8),),
            "8 copies 2 h ago, then a failure",
            "due since 30 min",
        ),
        # One family is enough: the other one may have no network at all.
        (
            (
                keeping("ipv4", NOW - 30, NOW - 30, 8),
                keeping("ipv6", NOW - 20, None, 0),
            ),
            "8 copies 30 s ago",
            "next in 60 min",
        ),
        (
            (
                keeping("ipv4", NOW - 30, NOW - 30, 8),
                keeping("ipv6", NOW - 20, NOW - 20, 4),
            ),
            "12 copies 20 s ago",
            "next in 60 min",
        ),
    ],
)
def test_how_a_promise_stands(keepings: tuple[Keeping, ...], success: str, following: str) -> None:
    cells = Standing.of(promise(*keepings), NOW).cells
    assert cells[2:] == [success, following]


def test_a_promise_without_content_is_still_a_line() -> None:
    standing = Standing.of(promise(what=None), NOW)
    assert standing.cells[1] == "a value"
    assert standing.facts["what"] == "value"
