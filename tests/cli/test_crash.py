"""Every key that was printed stays promised and is republished, whoever was killed when."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio

from dht.core.keys import MAINLINE_SPACE
from dht.core.messages import Record
from dht.node.config import NETWORK
from dht.node.node import Node
from dht.node.state import State
from dht.testing import Testnet
from tests.dhtctl import Dhtctl, environment
from tests.networks import network

if TYPE_CHECKING:
    from dht.core.keys import Key

RIG = Path(__file__).with_name("crash_rig.py")
KILLS = 50
NODES = 12
PATIENCE = 60.0
"""Seconds for what takes fifteen; only a deadlock reaches this."""


def crashed(home: Path, doors: str) -> dict[str, Any]:
    """Kill ``KILLS`` times; what the writers had printed."""
    rig = subprocess.Popen(
        [sys.executable, str(RIG), str(home / "state"), str(KILLS), "7"],
        env=environment(home, {"DHTCTL_BOOTSTRAP": doors}),
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    try:
        said, _ = rig.communicate(timeout=PATIENCE)
    finally:
        # The writers are its children and end with it, however it ended.
        with suppress(ProcessLookupError):
            os.killpg(rig.pid, signal.SIGKILL)
    assert rig.returncode == 0
    told: dict[str, Any] = json.loads(said)
    return told


def copies(net: Testnet, key: Key) -> list[Record]:
    """What the nodes of a network hold under ``key``."""
    stores = [port.engine.records for node in net.nodes for port in node._living.host.ports]
    return [record for store in stores if (record := store.get(key))]


@pytest.mark.slow
async def test_what_was_printed_is_promised_and_republished(dhtctl: Dhtctl, tmp_path: Path) -> None:
    assert dhtctl("key", "new", "all").code == 0
    with network(NODES) as doors:
        told = crashed(tmp_path, doors)
    printed: dict[Key, int] = {}
    for each in told["printed"]:
        key = MAINLINE_SPACE.from_bytes(bytes.fromhex(each["mainline_key"]))
        printed[key] = max(printed.get(key, 0), each["seq"] or 0)
    assert told["writers"] > KILLS
    assert len(printed) > KILLS / 2
    assert max(printed.values()) > 3

    with State.open(tmp_path / "state") as state:
        state.check()
        promised = {p.key: p.what for p in state.promises(NETWORK)}
    assert printed.keys() <= promised.keys()
    for key, seq in printed.items():
        what = promised[key]
        assert isinstance(what, Record)
        assert (what.seq or 0) >= seq

    # That network is gone. Another never heard of any of it, and renewals do not wait an hour.
    async with Testnet(9) as net:
        keeper = Node(
            listen=(("127.0.0.1", 0),),
            bootstrap=net.bootstrap,
            state=tmp_path / "state",
            policy={"republish_every": 0.1},
        )
        async with keeper:
            with trio.fail_after(PATIENCE):
                for key, seq in printed.items():
                    while not any((record.seq or 0) >= seq for record in copies(net, key)):
                        await trio.lowlevel.checkpoint()
