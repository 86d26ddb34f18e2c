"""(i) The gateway beside nginx, the same files from a warm cache, the same visitor, the same run.

The visitor is one blocking socket, kept alive, that looks at nothing but lengths: the less it does,
the more is seen of the servers. nginx has one worker, ``sendfile`` on and its log off. Rounds
alternate, and ratios are taken within a round; the median over rounds counts.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.child import Child
from benchmarks.hashing import write
from benchmarks.report import Row

SMALL = 20_000
BIG = 64 << 20
_CONF = """
daemon off; worker_processes 1; pid {home}/pid; error_log {home}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  client_body_temp_path {home}/t1; proxy_temp_path {home}/t2; fastcgi_temp_path {home}/t3;
  uwsgi_temp_path {home}/t4; scgi_temp_path {home}/t5;
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


class Plan(NamedTuple):
    """Rounds, requests of a small file and of the big one in each."""

    rounds: int
    small: int
    big: int


FULL = Plan(7, 1500, 8)
SMOKE = Plan(1, 50, 1)


class Visitor:
    """One connection."""

    def __init__(self, port: int, root: str) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port))
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._root = root
        self._buffer = bytearray(1 << 20)

    def get(self, name: str, size: int) -> tuple[float, float]:
        """Seconds to the first byte, and to the last.

        Raises:
            RuntimeError: Something else came.
        """
        request = f"GET {self._root}/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        begun = time.perf_counter()
        self._sock.sendall(request)
        count = self._sock.recv_into(self._buffer)
        first = time.perf_counter() - begun
        head = bytes(self._buffer[:count]).partition(b"\r\n\r\n")[0]
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{name}: {head!r}")
        left = size - (count - len(head) - 4)
        while left > 0:
            count = self._sock.recv_into(self._buffer)
            if not count:
                raise RuntimeError(f"{name} ended early: {head!r}")
            left -= count
        if left:
            raise RuntimeError(f"{name}: {-left} bytes too many")
        return first, time.perf_counter() - begun

    def first_bytes(self, count: int) -> float:
        """The median of seconds to the first byte of a small file."""
        return median(self.get("small.bin", SMALL)[0] for _ in range(count))

    def throughput(self, count: int) -> float:
        """Bytes a second of the big file: the median."""
        return BIG / median(self.get("big.bin", BIG)[1] for _ in range(count))


def _nginx(stack: ExitStack, home: Path, root: Path) -> Visitor:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    conf = home / "nginx.conf"
    conf.write_text(_CONF.format(home=home, port=port, root=root))
    command = [shutil.which("nginx") or "nginx", "-c", str(conf), "-p", str(home)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = stack.enter_context(subprocess.Popen(command, **quiet))
    stack.callback(process.terminate)
    for _ in range(100):
        with suppress(ConnectionError):
            return Visitor(port, "")
        time.sleep(0.05)
    raise RuntimeError("nginx does not answer")


def run(*, smoke: bool) -> list[Row]:
    """The rows of (i)."""
    if shutil.which("nginx") is None:
        print("gateway: SKIPPED: there is no nginx here (Debian: apt-get install nginx-light)")
        return [Row("gateway", "needs nginx")]
    plan = SMOKE if smoke else FULL
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.chmod(0o755)
        root = home / "www"
        root.mkdir()
        (root / "small.bin").write_bytes(bytes(SMALL))
        write(root / "big.bin", BIG)
        child = Child(stack, "benchmarks.gateway_host")
        told = child.ask({"directory": str(root), "state": str(home / "state")})
        pair = (Visitor(told["port"], told["root"]), _nginx(stack, home, root))
        return _raced(pair, plan)


def _raced(pair: tuple[Visitor, Visitor], plan: Plan) -> list[Row]:
    """Race ours against nginx."""
    for visitor in pair:
        visitor.first_bytes(50)
        visitor.throughput(1)
    first = [[v.first_bytes(plan.small) for v in pair] for _ in range(plan.rounds)]
    speed = [[v.throughput(plan.big) for v in pair] for _ in range(plan.rounds)]
    slower = median(ours / theirs for ours, theirs in first)
    faster = median(ours / theirs for ours, theirs in speed)
    micro = [median(column) * 1e6 for column in zip(*first, strict=True)]
    giga = [median(column) / 1e9 for column in zip(*speed, strict=True)]
    return [
        Row(
            f"first byte of {SMALL // 1000} kB, p50",
            f"{micro[0]:.0f} µs",
            f"nginx {micro[1]:.0f} µs",
            f"{slower:.2f}x",
            "<= 10x, target 5x",
            slower <= 10,
        ),
        Row(
            "one file of 64 MiB",
            f"{giga[0]:.2f} GB/s",
            f"nginx {giga[1]:.2f} GB/s",
            f"{faster:.2f}x",
            ">= 0.5x, target 0.9x",
            faster >= 0.5,
        ),
    ]
