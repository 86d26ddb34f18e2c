"""One process is the node of a directory, and the others know who and where it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import dht
from dht.core.keys import Key
from dht.node.disk import FileLock, StateError
from dht.node.identity import FILE, LOCK, Identity
from tests.dht.node.samples import NETWORK, SPAWN, mode, unprivileged_home

if TYPE_CHECKING:
    from collections.abc import Iterator

BE_THE_NODE = """
import sys
from dht.node.identity import Identity
identity = Identity.claim(sys.argv[1])
identity.announce([("127.0.0.1", 4242), ("::1", 4242)])
print("announced", flush=True)
sys.stdin.read()
"""


@contextmanager
def node_process(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that is the node of ``home`` until the block ends."""
    root = Path(dht.__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, "-c", BE_THE_NODE, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"announced\n"
        try:
            yield process
        finally:
            process.kill()


def claimed(home: Path) -> Identity:
    identity = Identity.claim(home)
    assert identity is not None
    return identity


def test_a_new_directory_gets_a_new_identity(tmp_path: Path) -> None:
    with claimed(tmp_path / "one") as one, claimed(tmp_path / "two") as two:
        assert len(one.seed) == 32
        assert one.seed != two.seed
        assert one.key(NETWORK, "ipv4") is None
        assert one.port(NETWORK, "ipv4") is None
    assert mode(tmp_path / "one") == 0o700
    assert mode(tmp_path / "one" / FILE) == 0o600
    assert mode(tmp_path / "one" / LOCK) == 0o600


def test_it_is_the_same_in_the_next_life(tmp_path: Path) -> None:
    with claimed(tmp_path) as first:
        seed = first.seed
        first.remember(NETWORK, "ipv4", Key(2**159 + 1), 6881)
        first.remember(NETWORK, "ipv6", Key(0), 6882)
        first.remember(NETWORK, "ipv4", Key(2**159 + 2), 6883)
    with claimed(tmp_path) as second:
        assert second.seed == seed
        assert second.key(NETWORK, "ipv4") == 2**159 + 2
        assert second.port(NETWORK, "ipv4") == 6883
        assert second.key(NETWORK, "ipv6") == 0
        assert second.key("amino", "ipv4") is None


def test_what_did_not_change_is_not_written(tmp_path: Path) -> None:
    with claimed(tmp_path) as identity:
        identity.remember(NETWORK, "ipv4", Key(1), 6881)
        before = (tmp_path / FILE).stat()
        identity.remember(NETWORK, "ipv4", Key(1), 6881)
        assert (tmp_path / FILE).stat().st_ino == before.st_ino
        identity.remember(NETWORK, "ipv4", Key(1), 6882)
        assert (tmp_path / FILE).stat().st_ino != before.st_ino


def test_only_one_is_the_node(tmp_path: Path) -> None:
    with claimed(tmp_path):
        assert Identity.claim(tmp_path) is None
        assert Identity.holder(tmp_path) == os.getpid()
    with claimed(tmp_path):
        pass


def test_where_nobody_runs(tmp_path: Path) -> None:
    assert Identity.running(tmp_path) is None
    assert Identity.holder(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    with claimed(tmp_path) as identity:
        identity.announce([("127.0.0.1", 1)])
    assert (tmp_path / LOCK).exists()
    assert Identity.running(tmp_path) is None
    assert Identity.holder(tmp_path) is None


def test_others_learn_where_it_listens(tmp_path: Path) -> None:
    with node_process(tmp_path) as process:
        assert Identity.claim(tmp_path) is None
        assert Identity.holder(tmp_path) == process.pid
        assert Identity.running(tmp_path) == (("127.0.0.1", 4242), ("::1", 4242))


def test_a_killed_node_leaves_the_identity_free(tmp_path: Path) -> None:
    with node_process(tmp_path) as process:
        process.kill()
        process.wait()
        assert Identity.running(tmp_path) is None
        with claimed(tmp_path):
            # Where the dead one listened is not where we do.
            assert Identity.running(tmp_path) == ()


def test_a_later_announcement_replaces_the_earlier(tmp_path: Path) -> None:
    with claimed(tmp_path) as identity:
        identity.announce([("127.0.0.1", 1), ("127.0.0.1", 2)])
        identity.announce([("127.0.0.1", 3)])
        assert Identity.running(tmp_path) == (("127.0.0.1", 3),)


@pytest.mark.parametrize("said", [b"", b'{"pid": 1', b"[]", b'{"pid": null}', b'{"pid": 1}'])
def test_a_holder_caught_before_it_wrote_has_no_address_yet(tmp_path: Path, said: bytes) -> None:
    with FileLock(tmp_path / LOCK) as lock:
        assert lock.claim()
        lock.write(said)
        assert Identity.running(tmp_path) == ()
        assert Identity.holder(tmp_path) == 0


def race(home: Path, barrier: Any, winners: Any) -> None:
    barrier.wait()
    identity = Identity.claim(home)
    if identity is not None:
        winners.put(identity.seed)
    barrier.wait()


def test_of_many_at_once_exactly_one_wins(tmp_path: Path) -> None:
    barrier, winners = SPAWN.Barrier(4), SPAWN.Queue()
    racers = [SPAWN.Process(target=race, args=(tmp_path, barrier, winners)) for _ in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert [racer.exitcode for racer in racers] == [0] * 4
    seed = winners.get(timeout=10)
    assert winners.empty()
    with claimed(tmp_path) as identity:
        assert identity.seed == seed


GOOD = {"seed": "00" * 32, "engines": {"mainline/ipv4": {"key": "ff", "port": 1}}}


def test_the_file_is_what_it_is_documented_to_be(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps(GOOD))
    with claimed(tmp_path) as identity:
        assert identity.seed == bytes(32)
        assert identity.key(NETWORK, "ipv4") == 255


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "\ud800".encode("utf-8", "surrogatepass"),
        json.dumps({"seed": "00" * 32}),
        json.dumps({**GOOD, "seed": "00"}),
        json.dumps({**GOOD, "seed": 5}),
        json.dumps({**GOOD, "engines": []}),
        json.dumps({**GOOD, "engines": {"mainline/ipv4": 5}}),
        json.dumps({**GOOD, "engines": {"mainline/ipv4": {"key": "xyz", "port": 1}}}),
        json.dumps({**GOOD, "engines": {"mainline/ipv4": {"key": "ff", "port": None}}}),
    ],
)
def test_an_unreadable_identity_is_refused_and_kept(tmp_path: Path, content: str | bytes) -> None:
    data = content.encode() if isinstance(content, str) else content
    (tmp_path / FILE).write_bytes(data)
    for _ in range(2):  # the lock is let go each time
        with pytest.raises(StateError, match="a new identity will be drawn"):
            Identity.claim(tmp_path)
    assert (tmp_path / FILE).read_bytes() == data
    assert Identity.running(tmp_path) is None


def test_a_directory_of_others_is_said_to_be() -> None:
    with unprivileged_home() as home, pytest.raises(StateError, match="may not write there"):
        Identity.claim(home)


def test_an_identity_file_that_is_no_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(StateError, match="Is a directory"):
        Identity.claim(tmp_path)
