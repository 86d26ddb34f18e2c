"""Checks of this machine: state directory, limits, clock, sockets. None sends a packet beyond it.

Each is a plain function, called from a thread that is given up on if it hangs: a file system over
a network that is down blocks for ever, and that, too, is a finding.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import socket
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cli
from cli import residents
from cli.doctor.verdict import fail, ok, warn
from cli.evidence import count
from cli.tables import size, span
from dht.node.config import format_address
from dht.node.disk import StateError
from dht.node.identity import Identity
from dht.node.state import State
from dht.node.udp import open_socket

if TYPE_CHECKING:
    from cli.doctor.verdict import Verdict
    from cli.settings import Settings

_FILES: Final = 256
"""A node has two sockets, a database and its locks; this is room for its library users as well."""
_BUFFER: Final = 200 * 1024
"""Bytes of datagrams that may wait: some 200 of them, ten milliseconds of the fastest flood that is
not throttled. Linux grants more by default."""
_FREE: Final = 100 * 2**20
"""A full store takes 50 MB, and its log some more."""
_SLACK: Final = 60.0
"""Seconds that clocks and file systems may disagree."""
_UNSYNCHRONISED: Final = 5
"""What ``adjtimex`` returns for TIME_ERROR (Linux, adjtimex(2))."""
_TIMEX_BYTES: Final = 256
_PROBE: Final = b"is anybody there?"
_PROBE_TIMEOUT: Final = 2.0
_BEYOND: Final = ("2001:db8::1", 9)
"""An address for documentation (RFC 3849): nobody has it, so its route is the default one."""


def state_directory(settings: Settings) -> Verdict:
    """Whether we can keep anything there."""
    directory = settings.state
    if directory.exists() and not directory.is_dir():
        return fail(f"{directory} is not a directory", "choose another with --state")
    there = next(path for path in (directory, *directory.parents) if path.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        return fail(f"{there} cannot be written to", "change its permissions, or use --state")
    free = shutil.disk_usage(there).free
    if free < _FREE:
        return warn(
            f"{directory} has {size(free)} left", "free some space on the disk", free_bytes=free
        )
    if not directory.exists():
        return ok(f"{directory} will be made when it is first needed", free_bytes=free)
    if directory.stat().st_mode & 0o077:
        return warn(
            f"{directory} can be looked into by others; the files in it cannot be read",
            f"chmod 700 {directory}, unless that is meant so",
        )
    return ok(f"{directory} is private and can be written, {size(free)} free", free_bytes=free)


def database(settings: Settings) -> Verdict:
    """Whether it is whole: reads every page, changes nothing."""
    try:
        with State.open(settings.state, readonly=True) as state:
            if not state.path.exists():
                return ok("none yet")
            state.check()
            held = state.statistics()
    except StateError as error:
        text, _, todo = str(error).partition(": ")
        return fail(text, todo)
    return ok(
        f"whole: {count(held.promises, 'promise')}, {count(held.records, 'record')}, "
        f"{count(held.providers, 'provider')}; {size(held.size)}",
        size_bytes=held.size,
    )


def open_files(settings: Settings) -> Verdict:
    """Whether the limit of open files suffices."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _FILES:
        return warn(
            f"only {soft} files and sockets may be open",
            "raise the limit: ulimit -n 1024",
            soft=soft,
        )
    return ok("no limit" if soft == resource.RLIM_INFINITY else f"up to {soft}", soft=soft)


def receive_buffer(settings: Settings) -> Verdict:
    """How many datagrams can wait while we are busy."""
    try:
        with closing(open_socket(("127.0.0.1", 0))) as sock:
            granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    except OSError as error:
        return fail(f"no UDP socket: {error.strerror}", "ask who runs this machine to allow UDP")
    text = f"{size(granted)} for datagrams that wait"
    if granted < _BUFFER:
        todo = "raise it: sysctl -w net.core.rmem_max=4194304"
        return warn(f"only {text}: bursts will be lost", todo, granted_bytes=granted)
    return ok(text, granted_bytes=granted)


def clock(settings: Settings) -> Verdict:
    """Whether the clock can be right.

    Nobody trustworthy is asked for the time, so this finds the clocks that cannot be right, and
    whether the system says that somebody keeps it. The DHT itself counts seconds from the start;
    it is renewals and the log that go by the clock.
    """
    now = time.time()
    shown = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    set_it = "set the clock, and let NTP keep it: promises are renewed by it"
    newest = [Path(cli.__file__), *settings.state.glob("*.sqlite3*")]
    ahead = max(path.stat().st_mtime for path in newest) - now
    if ahead > _SLACK:
        return fail(f"{shown} is {span(ahead)} before the newest file of ours", set_it)
    if _synchronised() is False:
        return warn(f"{shown}, and the system says that nothing keeps it right", set_it)
    return ok(f"{shown}, plausible")


def _synchronised() -> bool | None:
    """What the kernel says of its clock; ``None`` if it cannot be asked."""
    if sys.platform != "linux":
        return None
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _UNSYNCHRONISED


def listening(settings: Settings) -> Verdict:
    """Whether we can bind what a node would bind."""
    bound, refused = [], []
    for address in residents.listen(settings):
        try:
            open_socket(address).close()
        except OSError as error:
            refused.append(f"{format_address(address)}: {error.strerror or error}")
        else:
            bound.append(format_address(address))
    holder = Identity.holder(settings.state)
    if refused and not bound and holder is not None:
        return ok(f"taken by the node of this state directory, process {holder}")
    if not bound:
        return fail("; ".join(refused), "choose another address or port with --listen")
    if refused:
        todo = "nothing, if this machine has one address family only"
        return warn(f"{', '.join(bound)}, but not {'; '.join(refused)}", todo, addresses=bound)
    return ok(f"can be bound: {', '.join(bound)}", addresses=bound)


def loopback(settings: Settings) -> Verdict:
    """Whether a datagram comes through inside this machine."""
    todo = "look for a firewall that drops UDP on the loopback interface"
    try:
        with closing(open_socket(("127.0.0.1", 0))) as sock:
            sock.settimeout(_PROBE_TIMEOUT)
            begun = time.perf_counter()
            sock.sendto(_PROBE, sock.getsockname())
            arrived = sock.recv(64) == _PROBE
            took = time.perf_counter() - begun
    except OSError as error:
        return fail(f"a datagram to ourselves was lost: {error.strerror or error}", todo)
    if not arrived:
        return fail("a datagram to ourselves came back changed", todo)
    return ok(f"a datagram to ourselves takes {took * 1e6:.0f} µs", elapsed_s=took)


def ipv6(settings: Settings) -> Verdict:
    """Whether there is a way out by IPv6. Asks the routing table, and sends nothing."""
    try:
        with closing(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as sock:
            sock.connect(_BEYOND)
            return ok(f"there is a route, from {sock.getsockname()[0]}")
    except OSError:
        return ok("none here; the IPv4 network suffices")
