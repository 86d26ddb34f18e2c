"""``dhtctl doctor``: each finding, the exit code, and that it comes to an end."""

from __future__ import annotations

import argparse
import ctypes
import io
import os
import resource
import socket
import time
from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import trio

from cli import settings
from cli.actions import doctor
from cli.context import Context
from cli.doctor import machine, outside
from cli.doctor.verdict import Grade, Verdict
from cli.output import Output
from dht.errors import ListenFailed
from dht.node.identity import Identity
from dht.node.node import Node
from dht.node.state import State
from dht.testing import Testnet
from tests.running import Staying, start_testnet

if TYPE_CHECKING:
    from pathlib import Path

    from cli.settings import Settings
    from tests.dhtctl import Dhtctl

OK, WARN, FAIL = Grade.OK, Grade.WARN, Grade.FAIL
CHECKS = [*doctor.MACHINE, *doctor.NETWORK]
LOCAL = (("127.0.0.1", 0),)


def set_to(state: Path, **given: Any) -> Settings:
    return settings.resolve({"state": str(state), **given}, {"HOME": "/nowhere"})


# All of it.


def test_on_a_healthy_network_nothing_fails(dhtctl: Dhtctl, tmp_path: Path) -> None:
    network, bootstrap = start_testnet(tmp_path)
    with network, Staying(tmp_path, "node", DHTCTL_BOOTSTRAP=bootstrap) as node:
        node.line()
        node.told("joined")
        done = dhtctl("doctor", "--json", DHTCTL_BOOTSTRAP=bootstrap)
        *checks, last = done.objects
        assert [check["name"] for check in checks] == CHECKS
        grades = {check["name"]: check["grade"] for check in checks}
        # The clock of a container often has nobody to keep it.
        assert {name for name, grade in grades.items() if grade != "ok"} <= {"clock"}
        assert (last["type"], last["failures"], done.code) == ("diagnosis", 0, 0)
        assert checks[CHECKS.index("node")]["pid"] == node.pid
        assert checks[CHECKS.index("bootstrap")]["answered"] == 3
        assert checks[CHECKS.index("address")]["external"] == "127.0.0.1"


def test_without_a_network_it_says_so_soon(dhtctl: Dhtctl) -> None:
    begun = time.monotonic()
    done = dhtctl("doctor", DHTCTL_BOOTSTRAP="127.0.0.1:9")
    assert time.monotonic() - begun < 45  # Four seconds, and a busy machine.
    assert done.code == 4
    lines = done.out.splitlines()
    assert any(line.startswith("fail  bootstrap") and "127.0.0.1:9" in line for line in lines)
    assert any(line.startswith("fail  lookup") for line in lines)
    assert sum("to do: " in line for line in lines) >= 2
    assert lines[-1].endswith("2 failures")


def test_what_is_wrong_here_is_not_blamed_on_the_network(dhtctl: Dhtctl, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    done = dhtctl("doctor", "--json", DHTCTL_BOOTSTRAP="127.0.0.1:9")
    assert done.code == 1
    state = done.objects[0]
    assert (state["name"], state["grade"]) == ("state", "fail")
    assert "choose another" in state["todo"]


def test_no_bootstrap_is_a_warning(dhtctl: Dhtctl) -> None:
    checks = {
        each.get("name"): each for each in dhtctl("doctor", "--json", "--bootstrap", "").objects
    }
    assert checks["bootstrap"]["grade"] == "warn"


def test_nonsense_is_a_mistake_and_no_finding(dhtctl: Dhtctl) -> None:
    assert dhtctl("doctor", "--bootstrap", "a:b").code == 2


def quiet(state: Path) -> Context:
    given = {"state": str(state), "bootstrap": [""], "quiet": True}
    out = Output(quiet=True, stdout=io.StringIO(), stderr=io.StringIO())
    return Context(argparse.Namespace(verb="doctor"), settings.resolve(given, {}), out)


async def test_a_check_that_hangs_is_given_up_on(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    context = quiet(tmp_path)
    grade = await doctor.check(context, "moon", trio.sleep_forever)
    assert grade is FAIL
    assert "not finished within 15 s" in context.out._stdout.getvalue()  # type: ignore[attr-defined]


async def test_a_node_that_cannot_start_is_a_failure_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_node(**_: object) -> Node:
        raise ListenFailed(["no sockets today"])

    monkeypatch.setattr(doctor, "Node", no_node)
    monkeypatch.setattr(doctor, "MACHINE", {})
    assert await doctor.run(quiet(tmp_path)) == 1


# State and database.


def test_a_directory_to_be_made(tmp_path: Path) -> None:
    verdict = machine.state_directory(set_to(tmp_path / "a" / "b"))
    assert (verdict.grade, "will be made" in verdict.text) == (OK, True)


def test_a_private_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert machine.state_directory(set_to(tmp_path)).grade is OK
    tmp_path.chmod(0o755)
    verdict = machine.state_directory(set_to(tmp_path))
    assert (verdict.grade, "chmod 700" in verdict.todo) == (WARN, True)


def test_a_directory_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write anywhere, so the system's answer is made up.
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert machine.state_directory(set_to(tmp_path)).grade is FAIL


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(free=5 * 2**20)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: usage)
    verdict = machine.state_directory(set_to(tmp_path))
    assert (verdict.grade, verdict.facts) == (WARN, {"free_bytes": 5 * 2**20})


def test_databases(tmp_path: Path) -> None:
    assert machine.database(set_to(tmp_path)).text == "none yet"
    State.open(tmp_path).close()
    verdict = machine.database(set_to(tmp_path))
    assert (verdict.grade, verdict.text.startswith("whole: 0 promises")) == (OK, True)
    (tmp_path / "state.sqlite3").write_bytes(b"no database at all" * 99)
    verdict = machine.database(set_to(tmp_path))
    assert (verdict.grade, "damaged" in verdict.text) == (FAIL, True)
    assert verdict.todo


# Limits and clock.


@pytest.mark.parametrize(
    ("soft", "grade"), [(64, WARN), (255, WARN), (256, OK), (resource.RLIM_INFINITY, OK)]
)
def test_open_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, soft: int, grade: Grade
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
    assert machine.open_files(set_to(tmp_path)).grade is grade


class FakeSocket(NamedTuple):
    granted: int

    def getsockopt(self, *_: int) -> int:
        return self.granted

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("granted", "grade"), [(8 << 20, OK), (425_984, OK), (64 << 10, WARN)])
def test_receive_buffers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, granted: int, grade: Grade
) -> None:
    monkeypatch.setattr(machine, "open_socket", lambda _: FakeSocket(granted))
    assert machine.receive_buffer(set_to(tmp_path)).grade is grade


def refuse(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_a_machine_without_udp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "open_socket", refuse)
    here = set_to(tmp_path)
    assert machine.receive_buffer(here).grade is FAIL
    assert machine.loopback(here).grade is FAIL
    verdict = machine.listening(here)
    assert (verdict.grade, verdict.text.count("not permitted")) == (FAIL, 2)


@pytest.mark.parametrize(("kept", "grade"), [({True}, OK), ({None}, OK), ({False}, WARN)])
def test_a_clock_that_can_be_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: set[bool | None], grade: Grade
) -> None:
    monkeypatch.setattr(machine, "_synchronised", kept.pop)
    assert machine.clock(set_to(tmp_path)).grade is grade


def test_a_clock_that_was_set_back(tmp_path: Path) -> None:
    State.open(tmp_path).close()
    tomorrow = time.time() + 86_400
    os.utime(tmp_path / "state.sqlite3", (tomorrow, tomorrow))
    verdict = machine.clock(set_to(tmp_path))
    assert (verdict.grade, "24 h before" in verdict.text) == (FAIL, True)


@pytest.mark.parametrize(("state", "kept"), [(0, "True"), (4, "True"), (5, "False"), (-1, "None")])
def test_what_the_kernel_says_of_its_clock(
    monkeypatch: pytest.MonkeyPatch, state: int, kept: str
) -> None:
    monkeypatch.setattr(machine.sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(adjtimex=lambda _: state))
    assert str(machine._synchronised()) == kept


def test_a_kernel_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    assert machine._synchronised() is None
    monkeypatch.setattr(machine.sys, "platform", "darwin")
    assert machine._synchronised() is None


# Sockets.


def test_what_can_be_bound(tmp_path: Path) -> None:
    verdict = machine.listening(set_to(tmp_path, listen=["127.0.0.1:0"]))
    assert (verdict.grade, verdict.facts) == (OK, {"addresses": ["127.0.0.1:0"]})


def test_what_is_taken(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
        other.bind(("127.0.0.1", 0))
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        verdict = machine.listening(set_to(tmp_path, listen=[taken]))
        assert (verdict.grade, "already in use" in verdict.text) == (FAIL, True)
        both = machine.listening(set_to(tmp_path, listen=[taken, "127.0.0.1:0"]))
        assert both.grade is WARN
        identity = Identity.claim(tmp_path)
        assert identity is not None
        with identity:
            ours = machine.listening(set_to(tmp_path, listen=[taken]))
        assert (ours.grade, str(os.getpid()) in ours.text) == (OK, True)


def test_loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.loopback(set_to(tmp_path)).grade is OK
    monkeypatch.setattr(machine, "_PROBE", b"x" * 80)
    assert machine.loopback(set_to(tmp_path)).grade is FAIL


@pytest.mark.parametrize("routes", [0, 1])
def test_ipv6(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, routes: int) -> None:
    class Routed:
        def __init__(self, *_: object) -> None:
            if not routes:
                raise OSError

        def connect(self, address: tuple[str, int]) -> None:
            assert address[0].startswith("2001:db8:")

        def getsockname(self) -> tuple[str, int]:
            return "2001:db8::7", 1

        def close(self) -> None:
            pass

    monkeypatch.setattr(machine.socket, "socket", Routed)
    verdict = machine.ipv6(set_to(tmp_path))
    assert (verdict.grade, "2001:db8::7" in verdict.text) == (OK, bool(routes))


# The network.


async def test_the_doors_of_a_network_are_asked_one_by_one(tmp_path: Path) -> None:
    async with Testnet(4) as net, Node(listen=LOCAL, bootstrap=net.bootstrap) as node:
        living, dead = net.bootstrap[:2]
        words = [f"{host}:{port}" for host, port in (living, dead)]
        here = set_to(tmp_path, bootstrap=words)
        assert (await outside.bootstrap(here, node)).grade is OK
        await net.kill([net.node(1)])
        verdict = await outside.bootstrap(here, node)
        assert (verdict.grade, verdict.facts) == (WARN, {"asked": 2, "answered": 1})
        assert f"{words[1]} is silent" in verdict.text
        # A name of one character too many for the resolver asks nobody.
        nobody = set_to(tmp_path, bootstrap=[f"{'a' * 64}.invalid"])
        assert "cannot be resolved" in (await outside.bootstrap(nobody, node)).text
        assert (await outside.lookup(here, node)).grade is OK


async def test_a_node_that_hangs_is_found(tmp_path: Path) -> None:
    identity = Identity.claim(tmp_path)
    assert identity is not None
    with identity, closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as deaf:
        deaf.bind(("127.0.0.1", 0))
        identity.announce([deaf.getsockname()])
        async with Node(listen=LOCAL, bootstrap=()) as node:
            verdict = await outside.own_node(set_to(tmp_path), node)
    assert (verdict.grade, verdict.todo) == (FAIL, "restart it")
    assert verdict.facts == {"pid": os.getpid()}


class Seen(NamedTuple):
    """A node that others see at ``external``."""

    external: str | None

    def statistics(self) -> Seen:
        return self


async def judged(external: str | None, tmp_path: Path) -> Verdict:
    return await outside.translation(set_to(tmp_path), Seen(external))  # type: ignore[arg-type]


async def test_how_others_see_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "default_gateway", lambda: None)
    assert (await judged(None, tmp_path)).grade is WARN
    assert (await judged("127.0.0.1", tmp_path)).grade is OK
    # 192.0.2.0/24 and 2001:db8::/32 are for documentation: no machine has them.
    for foreign in ("192.0.2.7", "2001:db8::7"):
        verdict = await judged(foreign, tmp_path)
        assert (verdict.grade, verdict.facts["nat_pmp"]) == (WARN, False)
        assert "--port-mapping" in verdict.todo
    monkeypatch.setattr(outside, "_is_ours", lambda _: True)
    assert (await judged("192.0.2.7", tmp_path)).grade is OK


async def test_a_router_that_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as router:
        await router.bind(("127.0.0.1", 0))
        monkeypatch.setattr(outside, "_NAT_PMP", router.getsockname()[1])
        monkeypatch.setattr(outside, "default_gateway", lambda: "127.0.0.1")

        async def answer() -> None:
            question, asker = await router.recvfrom(64)
            assert question == b"\x00\x00"  # RFC 6886, 3.2: version 0, opcode 0
            await router.sendto(b"\x00\x80" + bytes(10), asker)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            verdict = await judged("192.0.2.7", tmp_path)
    assert verdict.facts["nat_pmp"] is True
    assert "the router can open one" in verdict.todo


async def test_a_router_that_is_silent_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "default_gateway", lambda: "127.0.0.1")
    monkeypatch.setattr(outside, "_ROUTER", 0.01)
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        monkeypatch.setattr(outside, "_NAT_PMP", port)
        assert (await judged("192.0.2.7", tmp_path)).facts["nat_pmp"] is False
    monkeypatch.setattr(outside, "_ROUTER", 5.0)
    assert (await judged("192.0.2.7", tmp_path)).facts["nat_pmp"] is False
