"""A test network in a process of its own, for tests that see ``dhtctl`` from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import trio

import dht
from dht.testing import Testnet

if TYPE_CHECKING:
    from collections.abc import Iterator


async def _serve(nodes: int) -> None:
    """Run until stdin ends, so that a network never outlives the tests it is for."""
    async with Testnet(nodes) as net:
        print(",".join(f"{host}:{port}" for host, port in net.bootstrap), flush=True)
        with trio.CancelScope():
            await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)


@contextmanager
def network(nodes: int) -> Iterator[str]:
    """So many nodes; yields what to set ``DHTCTL_BOOTSTRAP`` to."""
    with subprocess.Popen(
        [sys.executable, __file__, str(nodes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(dht.__file__).parents[1])},
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        doors = process.stdout.readline().strip()
        assert doors, "the network did not start"
        try:
            yield doors
        finally:
            process.stdin.close()
    assert process.returncode == 0


if __name__ == "__main__":
    trio.run(_serve, int(sys.argv[1]))
