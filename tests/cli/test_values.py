"""``put`` and ``get``, from outside, on a network of real nodes."""

from __future__ import annotations

import hashlib
import signal
import socket
import subprocess
import sys
import threading
import time
from base64 import b64decode
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from dht import names
from dht.codec.bencode import decode, encode
from tests.dhtctl import PROGRAM, environment, promises
from tests.running import Staying

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.dhtctl import Dhtctl

BINARY = bytes(range(256))
NOBODY = "127.0.0.1:9"
"""The port of "discard": nothing listens there."""
ABSENT = str(names.item_of(bytes(20)))


# Immutable values.


def test_put_prints_the_key_alone_and_get_the_value(dhtctl: Dhtctl, doors: str) -> None:
    stored = dhtctl("put", "--value", "grüße", DHTCTL_BOOTSTRAP=doors)
    key = str(names.item(encode("grüße".encode())))
    assert (stored.code, stored.out) == (0, key + "\n")
    assert "8 copies" in stored.err
    assert "the network remembers it until about" in stored.err
    assert "dhtctl node" in stored.err
    got = dhtctl("get", key, DHTCTL_BOOTSTRAP=doors)
    assert (got.code, got.raw) == (0, "grüße".encode())


@pytest.mark.parametrize("source", ["stdin", "file"])
def test_binary_goes_through_unchanged(online: Dhtctl, tmp_path: Path, source: str) -> None:
    (tmp_path / "file").write_bytes(BINARY + source.encode())
    word = "-" if source == "stdin" else "file"
    stored = online("put", "-q", word, stdin=BINARY + source.encode())
    assert stored.err == ""
    assert online("get", stored.out.strip()).raw == BINARY + source.encode()
    out = online("get", stored.out.strip(), "-o", "copy")
    assert (out.code, out.raw) == (0, b"")
    assert (tmp_path / "copy").read_bytes() == BINARY + source.encode()


def test_it_works_in_a_pipeline(doors: str, tmp_path: Path) -> None:
    dhtctl = " ".join(PROGRAM)
    script = f"K=$(printf piped | {dhtctl} put -) && {dhtctl} get $K && {dhtctl} get $K | head -c 2"
    done = subprocess.run(
        ["sh", "-c", script],
        capture_output=True,
        check=False,
        env=environment(tmp_path, {"DHTCTL_BOOTSTRAP": doors}),
    )
    assert (done.returncode, done.stdout) == (0, b"pipedpi")


def test_json_tells_the_same(online: Dhtctl) -> None:
    stored = online("put", "--json", "--value", "as json")
    [told] = stored.objects
    assert told["type"] == "stored"
    assert told["copies"] == told["holders"] == 8
    assert told["size_bytes"] == len(b"7:as json")
    assert told["mainline_key"] == hashlib.sha1(b"7:as json").hexdigest()
    assert all(line["type"] for line in stored.complaints)
    [remembered] = [line for line in stored.complaints if line["type"] == "remembered"]
    assert remembered["lifetime_s"] == 7200
    assert remembered["remembered_until_s"] == pytest.approx(time.time() + 7200, abs=60)
    [got] = online("get", told["key"], "--json").objects
    assert got["type"] == "value"
    assert b64decode(got["value_base64"]) == b"as json"
    assert got["text"] == "as json"
    assert got["seq"] is None
    assert got["elapsed_s"] < 2


def test_values_that_are_no_strings_come_back_as_they_went(online: Dhtctl) -> None:
    raw = b"d3:agei0e4:listl1:ai-1eee"
    stored = online("put", "-", "--bencoded", stdin=raw)
    assert stored.out.strip() == str(names.item(raw))
    assert online("get", stored.out.strip()).raw == raw
    [got] = online("get", stored.out.strip(), "--json").objects
    assert got["text"] == raw.decode()


@pytest.mark.parametrize("size", [997, 1000, 1001, 5000])
def test_too_big_is_refused_before_anybody_is_asked(inside: Dhtctl, size: int) -> None:
    """BEP 44 limits the bencoding to 1000 bytes: ``996:`` and 996 bytes."""
    done = inside("put", "-", stdin=b"x" * size, DHTCTL_BOOTSTRAP=NOBODY)
    assert (done.code, done.out) == (1, "")
    assert "1000 is the most" in done.err
    assert "seed a torrent" in done.err


def test_what_just_fits_is_stored(online: Dhtctl) -> None:
    stored = online("put", "-", stdin=b"x" * 996)
    assert online("get", stored.out.strip()).raw == b"x" * 996


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("put", "-", "--bencoded"), "not canonical bencode"),
        (("put", "--value", "x", "--salt", "s"), "--name"),
        (("put", "--value", "x", "--seq", "1"), "--name"),
        (("put", "--value", "x", "--cas", "1"), "--name"),
        (("put", "--value", "x", "--name", "me", "--salt", "s" * 65), "64"),
        (("get", "nothing like a key"), "not an address"),
        (("get", "magnet:?xt=urn:btih:" + "00" * 20), "dhtctl find"),
        (("put", "--value", "x", "--bootstrap", "here:x"), "--bootstrap"),
        (("put", "--value", "x", "--listen", "here:99999"), "--listen"),
    ],
)
def test_words_that_make_no_sense(inside: Dhtctl, words: tuple[str, ...], said: str) -> None:
    done = inside(*words, stdin=b"1:ab", DHTCTL_BOOTSTRAP=NOBODY)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_file_that_is_not_there(inside: Dhtctl) -> None:
    done = inside("put", "missing.txt", DHTCTL_BOOTSTRAP=NOBODY)
    assert done.code == 1
    assert "missing.txt" in done.err


def test_a_file_that_cannot_be_written(online: Dhtctl) -> None:
    key = online("put", "--value", "unwritable").out.strip()
    done = online("get", key, "-o", "no/such/place")
    assert (done.code, done.out) == (1, "")
    assert "no/such/place" in done.err


# Absence, silence, lies.


def test_absence_comes_with_evidence_within_two_seconds(online: Dhtctl) -> None:
    done = online("get", ABSENT, "--json")
    assert (done.code, done.out) == (3, "")
    [error] = done.complaints
    assert error["type"] == "error"
    assert (error["code"], error["exit_code"]) == ("not_found", 3)
    assert "none had it" in error["achieved"]
    assert error["complete"] is True
    assert error["asked"] >= error["answered"] >= 8
    assert error["elapsed_s"] < 2
    words = online("get", ABSENT)
    assert f"{ABSENT} not found" in words.err
    assert "hint:" in words.err


def test_no_network(inside: Dhtctl) -> None:
    done = inside("get", ABSENT, "--json", DHTCTL_BOOTSTRAP=NOBODY)
    [error] = done.complaints
    assert (done.code, error["code"]) == (4, "no_network")
    assert error["tried"] == [NOBODY]
    nowhere = inside("put", "--value", "x", "--bootstrap", "")
    assert (nowhere.code, nowhere.out) == (4, "")
    assert "--bootstrap" in nowhere.err


def test_what_never_reached_the_network_is_not_promised(inside: Dhtctl, tmp_path: Path) -> None:
    assert inside("put", "--value", "x", DHTCTL_BOOTSTRAP=NOBODY).code == 4
    assert promises(tmp_path) == []


def test_patience_ends(inside: Dhtctl) -> None:
    done = inside("get", ABSENT, DHTCTL_BOOTSTRAP=NOBODY, DHTCTL_PATIENCE="0.3")
    assert done.code == 4
    assert "no progress for 0.3 s" in done.err
    assert inside("get", ABSENT, DHTCTL_PATIENCE="soon", DHTCTL_BOOTSTRAP=NOBODY).code == 2


def test_time_runs_out(inside: Dhtctl) -> None:
    done = inside("get", ABSENT, "--timeout", "0.2", DHTCTL_BOOTSTRAP=NOBODY)
    assert done.code == 4
    assert "time ran out after 0.2 s" in done.err


def test_interrupted(tmp_path: Path) -> None:
    """By then it waits for an answer that never comes; the node it asks tells when."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(30)
        door = f"127.0.0.1:{silent.getsockname()[1]}"
        with Staying(tmp_path, "get", ABSENT, "--json", DHTCTL_BOOTSTRAP=door) as get:
            silent.recv(2000)
            assert get.stop(signal.SIGINT) == 130
            assert '"interrupted"' in get.note()


@contextmanager
def liar() -> Iterator[str]:
    """The only node of its network: answers each request, and with a wrong value."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))

    def lie() -> None:
        while True:
            data, asker = sock.recvfrom(2000)
            if not data:
                return
            query: Any = decode(data)
            answer = {b"id": b"L" * 20, b"nodes": b"", b"token": b"t", b"v": b"a lie"}
            sock.sendto(encode({b"t": query[b"t"], b"y": b"r", b"r": answer}), asker)

    thread = threading.Thread(target=lie)
    thread.start()
    host, port = sock.getsockname()
    yield f"{host}:{port}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
        stop.sendto(b"", (host, port))
    thread.join()
    sock.close()


def test_a_lie_is_told_from_absence(inside: Dhtctl) -> None:
    with liar() as door:
        done = inside("get", ABSENT, "--json", DHTCTL_BOOTSTRAP=door)
    assert (done.code, done.out) == (6, "")
    [error] = done.complaints
    assert (error["code"], error["forged"]) == ("integrity", 1)


def test_fewer_copies_than_wanted(online: Dhtctl, tmp_path: Path) -> None:
    done = online("put", "--value", "many", "--min", "9")
    assert done.code == 5
    assert done.out.strip() == str(names.item(b"4:many"))
    assert "only 8 of the 9 copies" in done.err
    assert len(promises(tmp_path)) == 1


# Keeping.


def test_keep_stays_until_stopped(doors: str, tmp_path: Path) -> None:
    with Staying(tmp_path, "put", "--value", "kept", "--keep", DHTCTL_BOOTSTRAP=doors) as put:
        assert put.line() == str(names.item(b"4:kept"))
        assert "copies" in put.note()
        assert "stays" in put.note()
        assert put.stop(signal.SIGINT) == 0
        [last] = put.rest()[1]
        assert "the promise stands" in last
        assert f"`dhtctl forget {names.item(b'4:kept')}` withdraws it" in last
    assert len(promises(tmp_path)) == 1


def test_keep_ends_when_the_promise_does(online: Dhtctl, doors: str, tmp_path: Path) -> None:
    with Staying(tmp_path, "put", "--value", "kept", "--keep", DHTCTL_BOOTSTRAP=doors) as put:
        key = put.line()
        assert online("forget", key).out.strip() == key
        assert put.ended() == 0
    assert promises(tmp_path) == []


def test_keep_ends_in_time(online: Dhtctl) -> None:
    assert online("put", "--value", "kept", "--keep", "--timeout", "2").code == 0


def test_a_running_node_keeps_it_and_shows_the_way(
    dhtctl: Dhtctl, doors: str, tmp_path: Path
) -> None:
    with Staying(tmp_path, "node", "--listen", "127.0.0.1:0", DHTCTL_BOOTSTRAP=doors) as node:
        assert node.line()
        stored = dhtctl("put", "--value", "through", "--json", "--bootstrap", "")
        assert stored.code == 0
        [remembered] = [line for line in stored.complaints if line["type"] == "remembered"]
        assert remembered["kept_by"] == node.pid
        assert dhtctl("get", stored.objects[0]["key"], "--bootstrap", "").raw == b"through"
        assert node.stop() == 0


def test_starting_costs_little(online: Dhtctl) -> None:
    """rich, the wire's second reader and other weights are not carried by those who need none."""
    code = "import sys, cli.actions.get, cli.network; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    loaded = set(done.stdout.split())
    assert not loaded & {
        "rich",
        "numpy",
        "cli.progress",
        "dht.testing",
        "asyncio",
        "importlib.metadata",
    }
