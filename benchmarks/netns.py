"""A small internet in network namespaces: each computer behind an uplink of its own.

Every namespace has one cable (a veth pair) to a switch of ours (:mod:`benchmarks.relay`), which
delays; its uplink is a token bucket (``tc tbf``) at the sender's side, where a home's modem is. The
switch lies in a namespace, too: there is no way from here to the machine's own network, and no
address beside 10.77.0.0/16, of which each computer has a /24 to itself, as homes do: a DHT would
take many neighbours of one /24 for one liar. Downlinks are not limited: they are the faster side
of any home.

Needs root, ``ip`` and ``tc`` (iproute2), and Linux.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.child import Child
from benchmarks.relay import mac

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BURST = "16kb"
"""What a bucket lets through at once: some frames."""
QUEUE = "200ms"
"""How much a modem queues: a usual one; what is more is dropped."""
CONTROL = "cubic"
"""Congestion control: what nearly every computer uses, whatever this one does."""


@dataclass(frozen=True, slots=True)
class Place:
    """One computer: its namespace and its address."""

    namespace: str
    host: str

    @property
    def inside(self) -> tuple[str, ...]:
        """What to put ahead of a command so that it runs there."""
        return ("ip", "netns", "exec", self.namespace)


def obstacle() -> str:
    """Why namespaces cannot be made here; empty if they can."""
    if sys.platform != "linux":
        return "network namespaces exist on Linux only"
    if os.geteuid() != 0:
        return "making network namespaces needs root"
    if missing := [tool for tool in ("ip", "tc") if shutil.which(tool) is None]:
        return f"{' and '.join(missing)} not found: install iproute2"
    probe = f"probe{os.getpid()}"
    made = subprocess.run(
        ["ip", "netns", "add", probe], capture_output=True, text=True, check=False
    )
    if made.returncode:
        return f"this system makes no network namespaces: {made.stderr.strip()}"
    run("ip", "netns", "delete", probe)
    return ""


@contextmanager
def internet(uplinks: Sequence[float], delay: float) -> Iterator[tuple[list[Place], Child]]:
    """Computers behind uplinks (Mbit/s), ``delay`` seconds from each other, and their switch."""
    with ExitStack() as stack:
        hub = namespace(stack, "hub")
        places = [place(stack, hub, index, rate) for index, rate in enumerate(uplinks)]
        ends = [f"end{index}" for index in range(len(places))]
        inside = ("ip", "netns", "exec", hub)
        switch = Child(stack, "benchmarks.relay", str(delay), *ends, inside=inside)
        switch.hear()
        yield places, switch


def place(stack: ExitStack, hub: str, index: int, rate: float) -> Place:
    """A namespace with a cable to the hub and an uplink of ``rate`` Mbit/s."""
    name, end, host = namespace(stack, str(index)), f"end{index}", f"10.77.{index + 1}.1"
    cable = f"type veth peer name eth0 netns {name} address {mac(index)}"
    run("ip", "-n", hub, "link", "add", end, *cable.split())
    run("ip", "-n", hub, "link", "set", end, "up")
    run("ip", "-n", name, "address", "add", f"{host}/16", "dev", "eth0")
    run("ip", "-n", name, "link", "set", "eth0", "up")
    route = f"10.77.0.0/16 dev eth0 src {host} proto kernel scope link congctl {CONTROL}"
    run("ip", "-n", name, "route", "replace", *route.split())
    made = Place(name, host)
    throttle(made, rate)
    return made


def throttle(at: Place, rate: float) -> None:
    """Let a computer's uplink have ``rate`` Mbit/s from now on."""
    bucket = f"tbf rate {rate}mbit burst {BURST} latency {QUEUE}"
    run("tc", "-n", at.namespace, "qdisc", "replace", "dev", "eth0", "root", *bucket.split())


def namespace(stack: ExitStack, suffix: str) -> str:
    """An empty namespace that is gone afterwards."""
    name = f"swarm{os.getpid()}-{suffix}"
    run("ip", "netns", "add", name)
    stack.callback(run, "ip", "netns", "delete", name)
    silent = "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"
    run("ip", "netns", "exec", name, "sh", "-c", silent)
    run("ip", "-n", name, "link", "set", "lo", "up")
    return name


def run(*command: str) -> None:
    """Run a command that has nothing to say unless it fails."""
    subprocess.run(command, check=True)
