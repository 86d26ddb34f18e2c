"""``dhtctl node`` and ``dhtctl testnet`` from outside: their line, their promises, their end."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio

from cli.actions import node as node_action
from dht.core.messages import Provider
from dht.errors import NoAnswer
from dht.node.config import parse_address
from dht.node.identity import Identity
from dht.node.node import Node
from tests.dhtctl import Dhtctl, environment
from tests.running import Staying, start_testnet

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDS = [signal.SIGINT, signal.SIGTERM]
MB = 1000**2


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where to join a network of twenty nodes."""
    running, bootstrap = start_testnet(tmp_path_factory.mktemp("network"))
    with running:
        yield bootstrap


def addresses(words: list[str]) -> tuple[tuple[str, int], ...]:
    return tuple(parse_address(word) for word in words)


def passing(bootstrap: str, **options: Any) -> Node:
    """A node that only passes through."""
    doors = addresses(bootstrap.split(","))
    return Node(listen=(("127.0.0.1", 0),), bootstrap=doors, mode="client", **options)


# The testnet.


def test_a_testnet_says_how_to_join_it(tmp_path: Path) -> None:
    with Staying(tmp_path, "testnet", "--nodes", "5") as running:
        line = running.line()
        assert line.startswith("testnet of 5 nodes; gateway ")
        key, at, address = line.split("gateway ")[1].split()
        assert (len(bytes.fromhex(key)), at) == (20, "at")
        assert running.told("export").strip().startswith(f"export DHTCTL_BOOTSTRAP={address},")


@pytest.mark.parametrize("number", ENDS)
def test_a_testnet_ends_well_when_stopped(tmp_path: Path, number: signal.Signals) -> None:
    with Staying(tmp_path, "testnet", "--nodes", "3", "--json") as running:
        said = running.object()
        assert (said["type"], said["nodes"], len(said["bootstrap"])) == ("testnet", 3, 3)
        assert running.stop(number) == 0
        assert running.rest()[0] == []


def test_the_printed_gateway_has_the_printed_id(network: str) -> None:
    async def ask() -> None:
        async with passing(network) as node:
            pong = await node.ping(network.split(",", maxsplit=1)[0])
            walked = await node.lookup(pong.key)
            assert walked.closest[0].key == int.from_bytes(pong.key, "big")
            assert len(walked.closest) == 8

    trio.run(ask)


def test_bad_weather_comes_after_the_joining(tmp_path: Path) -> None:
    """Nodes that lose everything could never have joined each other."""
    with Staying(tmp_path, "testnet", "--nodes", "5", "--loss", "1", "--json") as running:
        said = running.object()
        assert (said["nodes"], said["loss"], said["delay_ms"]) == (5, 1.0, 0)

        async def ask() -> None:
            async with Node(listen=(("127.0.0.1", 0),), bootstrap=(), mode="client") as node:
                with pytest.raises(NoAnswer):
                    await node.ping(said["bootstrap"][0])

        trio.run(ask)
        assert running.stop() == 0


def test_an_operation_takes_the_time_of_the_delay(tmp_path: Path) -> None:
    with Staying(tmp_path, "testnet", "--nodes", "3", "--delay", "200", "--json") as running:
        first = running.object()["bootstrap"][0]

        async def ask() -> float:
            async with passing(first) as node:
                return (await node.ping(first)).rtt

        assert trio.run(ask) >= 0.19


def test_more_nodes_than_files_are_refused_before_anything_starts(tmp_path: Path) -> None:
    script = (
        "import resource, runpy, sys;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128));"
        "sys.argv = ['dhtctl', 'testnet', '--nodes', '100'];"
        "runpy.run_module('cli', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env=environment(tmp_path),
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "100 sockets need 164 open files, and 128 is the limit" in done.stderr


# The node.


def test_a_node_says_who_and_where_it_is(tmp_path: Path, network: str) -> None:
    with Staying(tmp_path, "node", "--listen", "127.0.0.1:0", DHTCTL_BOOTSTRAP=network) as running:
        word, key, at, address = running.line().split()
        assert (word, at) == ("node", "at")
        assert running.told("joined")

        async def ask() -> bytes:
            async with passing(network) as node:
                return (await node.ping(address)).key

        assert trio.run(ask).hex() == key


@pytest.mark.parametrize("number", ENDS)
def test_a_node_saves_its_state_when_stopped_and_comes_back_as_itself(
    tmp_path: Path, network: str, number: signal.Signals
) -> None:
    words = ("node", "--json", "--listen", "127.0.0.1:0")
    lives = []
    for _ in range(2):
        with Staying(tmp_path, *words, DHTCTL_BOOTSTRAP=network) as running:
            lives.append(running.object())
            running.told("joined")
            assert running.stop(number) == 0
            assert any("state saved" in line for line in running.rest()[1])
    first, second = lives
    assert (first["type"], first["resident"], first["serving"]) == ("node", True, True)
    assert (first["id"], first["addresses"]) == (second["id"], second["addresses"])
    with closing(sqlite3.connect(tmp_path / "state" / "state.sqlite3")) as database:
        assert database.execute("SELECT count(*) FROM contacts").fetchone()[0] > 3


def test_the_echo_of_a_signal_does_not_kill(tmp_path: Path) -> None:
    """``timeout`` signals its child, and then the group in which the child is, too."""
    with Staying(tmp_path, "node", "--listen", "127.0.0.1:0") as running:
        running.line()
        running.process.send_signal(signal.SIGTERM)
        assert running.stop(signal.SIGTERM) == 0
        assert any("state saved" in line for line in running.rest()[1])


def test_a_node_keeps_what_another_process_promises(tmp_path: Path, network: str) -> None:
    directory = tmp_path / "state"
    infohash = b"a promise of another"
    with Staying(tmp_path, "node", "--json", DHTCTL_BOOTSTRAP=network) as running:
        running.object()
        running.told("joined")

        async def promise_and_leave() -> None:
            async with passing(network, state=directory, resident=False) as node:
                await node.promise(infohash, Provider(("0.0.0.0", 4711)))

        trio.run(promise_and_leave)
        assert "1 promise" in running.told("keeping")

        async def find() -> set[int]:
            async with passing(network) as node:
                while True:  # The other process does not say when it has done it.
                    found = {p.endpoint[1] async for p in node.find_providers(infohash)}  # type: ignore[index]
                    if found:
                        return found

        assert trio.run(find) == {4711}
        assert running.stop() == 0


def test_a_second_node_names_the_first_and_goes_on_as_somebody_else(
    tmp_path: Path, network: str
) -> None:
    with Staying(tmp_path, "node", "--json", DHTCTL_BOOTSTRAP=network) as first:
        one = first.object()
        with Staying(tmp_path, "node", "--json", DHTCTL_BOOTSTRAP=network) as second:
            two = second.object()
            assert (two["resident"], two["serving"]) == (False, False)
            assert two["id"] != one["id"]
            assert f"process {first.pid} is the node of" in second.told("warning")
            assert second.stop() == 0
            last = json.loads(second.rest()[1][-1])
            assert (last["type"], last["saved"]) == ("stopped", False)
            assert "state saved" not in last["message"]
        assert Identity.holder(tmp_path / "state") == first.pid
        assert first.stop() == 0


def test_a_second_node_takes_over_when_the_first_is_killed(tmp_path: Path, network: str) -> None:
    """A promise must have a keeper also when ``kill -9`` was the end of the one it had."""
    with Staying(tmp_path, "node", "--json", DHTCTL_BOOTSTRAP=network) as first:
        one = first.object()
        with Staying(tmp_path, "node", "--json", DHTCTL_BOOTSTRAP=network) as second:
            second.object()
            first.process.kill()
            assert json.loads(second.told('"resident"'))["resident"]
            assert Identity.holder(tmp_path / "state") == second.pid

            async def promise_and_leave() -> None:
                state = tmp_path / "state"
                async with passing(network, state=state, resident=False) as node:
                    await node.promise(b"a promise of another", Provider(("0.0.0.0", 4711)))

            trio.run(promise_and_leave)
            assert "1 promise" in second.told("keeping")
            assert second.stop() == 0
            assert any("state saved" in line for line in second.rest()[1])
        with Staying(tmp_path, "node", "--json", DHTCTL_BOOTSTRAP=network) as third:
            assert third.object()["id"] == one["id"]


def test_a_client_answers_nobody(tmp_path: Path, network: str) -> None:
    words = ("node", "--mode", "client", "--json")
    with Staying(tmp_path, *words, DHTCTL_BOOTSTRAP=network) as running:
        assert running.object()["serving"] is False


def test_a_node_without_a_network_says_so_and_goes_on(tmp_path: Path) -> None:
    with Staying(tmp_path, "node", "--json", "--bootstrap", "127.0.0.1:9") as running:
        said = running.object()
        assert (said["joined"], said["contacts"]) == (False, 0)
        assert "nobody answered yet" in running.told("alone")
        assert running.stop() == 0


def test_a_node_without_anybody_to_join_is_the_first_of_its_network(tmp_path: Path) -> None:
    with Staying(tmp_path, "node", "--bootstrap", "") as running:
        running.line()
        assert running.told("the first of a network")


def test_a_port_alone_is_bound_for_both_families(tmp_path: Path) -> None:
    with Staying(tmp_path, "node", "--listen", "0", "--json") as running:
        families = {":" in address[0] for address in addresses(running.object()["addresses"])}
        assert families == {False, True}


def test_an_address_that_is_taken_ends_it(tmp_path: Path, dhtctl: Dhtctl) -> None:
    with Staying(tmp_path, "node", "--listen", "127.0.0.1:0", "--json") as running:
        taken = running.object()["addresses"][0]
        done = dhtctl("node", "--state", "elsewhere", "--listen", taken, DHTCTL_BOOTSTRAP="")
    assert (done.code, done.out) == (1, "")
    assert f"cannot listen: {taken}: Address already in use" in done.err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--listen", "here"), "--listen: "),
        (("--listen", "70000"), "--listen: "),
        (("--bootstrap", "there:one"), "--bootstrap: "),
    ],
)
def test_what_is_no_address_is_a_mistake(
    dhtctl: Dhtctl, words: tuple[str, str], complaint: str
) -> None:
    done = dhtctl("node", *words, DHTCTL_BOOTSTRAP="")
    assert done.code == 2
    assert complaint in done.err


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_idle_node_is_small(tmp_path: Path, network: str) -> None:
    with Staying(tmp_path, "node", DHTCTL_BOOTSTRAP=network) as running:
        running.line()
        running.told("joined")
        status = Path(f"/proc/{running.pid}/status").read_text()
        maps = Path(f"/proc/{running.pid}/maps").read_text()
    kilobytes = int(status.split("VmRSS:")[1].split()[0])
    # Under coverage it is bigger; what is far too big is big even so.
    assert kilobytes * 1024 < 70 * MB
    assert "numpy" not in maps


def test_a_node_imports_nothing_that_draws_or_computes(tmp_path: Path) -> None:
    unwanted = {"rich", "numpy", "cid", "multihash", "asyncio"}
    assert not unwanted & imported(tmp_path, "cli.session, cli.loop, cli.actions.node")


def test_a_clone_imports_nothing_that_only_others_need(tmp_path: Path) -> None:
    unwanted = {"httpcore2", "h11", "asyncio", "rich", "numpy"}
    unwanted |= {f"torrent.io.{name}" for name in ("trackers", "udp_tracker", "lsd", "webwork")}
    unwanted |= {"torrent.io.hashing", "torrent.git.origin", "cli.git.pushing"}
    assert not unwanted & imported(tmp_path, "cli.git.remote")


def imported(home: Path, modules: str) -> set[str]:
    """All that a new interpreter has imported once it has imported ``modules``."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {modules}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        env=environment(home),
        timeout=60,
    )
    found = set(done.stdout.split())
    assert "cli" in found
    return found


# What a node tells.


def standing(**changed: Any) -> node_action.Standing:
    usual = {
        "joined": True,
        "contacts": 7,
        "promises": 0,
        "external": None,
        "serving": True,
        "resident": True,
    }
    return node_action.Standing(**(usual | changed))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, []),
        ({"contacts": 8}, []),
        ({"joined": False}, ["alone"]),
        ({"promises": 2}, ["keeping"]),
        ({"external": "8.8.8.8"}, ["seen"]),
        ({"external": "192.168.1.7"}, []),
        ({"serving": False}, ["mode"]),
        ({"resident": False}, []),
        ({"serving": False, "promises": 1}, ["keeping", "mode"]),
    ],
)
def test_what_changes_is_told_once(changed: dict[str, Any], told: list[str]) -> None:
    later = standing(**changed)
    assert [kind for _, kind, _ in later.news(standing())] == told
    assert list(later.news(later)) == []


def test_that_it_took_over_is_news() -> None:
    passing = standing(resident=False, serving=False)
    assert [kind for _, kind, _ in standing().news(passing)] == ["resident", "mode"]


def test_at_first_everything_is_news_but_the_mode() -> None:
    first = standing(promises=1, external="8.8.8.8")
    assert [kind for _, kind, _ in first.news(None)] == ["joined", "keeping", "seen"]
