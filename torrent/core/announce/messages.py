"""An announce, a scrape and their answers, whichever way they travel.

The two tracker protocols say the same things in different bytes, so the machines above them
(:mod:`torrent.core.tiers`, the announcer) know only these. Answers are values, and so is failure:
:class:`Refused` is the tracker's own word, :class:`Malformed` is our judgement of what it sent.
Neither is raised, for a tracker that fails is the ordinary case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from dht.mainline.compact import Scope, scope, unpack_address

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torrent.core.sources import Endpoint

MAX_PEERS: Final = 1000
"""Peers taken from one answer: five times what we ask for. A body of the permitted 835,584 bytes
could name 139,000, each of which would cost somebody a connection attempt."""

MAX_TEXT: Final = 500
"""Characters kept of what a tracker says to people: it ends up in one line of a terminal."""

PEERS_WANTED: Final = 200
"""As libtorrent asks. Trackers give at most what they like (50 to 200)."""

MAX_INTERVAL_S: Final = 1 << 24
"""Half a year: no tracker means more, and sums of such numbers stay exact."""


class Event(IntEnum):
    """Why we announce; the numbers are those of BEP 15."""

    NONE = 0
    """It is time again."""
    COMPLETED = 1
    STARTED = 2
    STOPPED = 3


@dataclass(frozen=True, slots=True)
class Announce:
    """A request to be listed, and for others.

    Attributes:
        infohash: 20 bytes.
        peer_id: 20 bytes.
        port: Where we take connections.
        uploaded: Bytes, as are ``downloaded`` and ``left``.
        event: Why now.
        wanted: Peers asked for.
        key: 32 bits that prove to the tracker, across a change of address, that it is still us.
    """

    infohash: bytes
    peer_id: bytes
    port: int
    uploaded: int = 0
    downloaded: int = 0
    left: int = 0
    event: Event = Event.NONE
    wanted: int = PEERS_WANTED
    key: int = 0


@dataclass(frozen=True, slots=True)
class Peers:
    """A tracker's answer to an announce.

    Attributes:
        interval: Seconds until it wants to hear from us again.
        peers: Others in the swarm; ourselves possibly among them. No address that cannot be
            dialled, none twice.
        min_interval: Seconds before which it does not want to; 0 if it did not say.
        seeders: How many have everything, ``leechers`` how many do not; ``None`` if untold.
        external: How it sees our address (BEP 24).
        tracker_id: To be sent back with the next announce.
        warning: What it wants its users told, though all went well.
    """

    interval: int
    peers: tuple[Endpoint, ...] = ()
    min_interval: int = 0
    seeders: int | None = None
    leechers: int | None = None
    external: str | None = None
    tracker_id: bytes | None = None
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a scrape (BEP 48) tells of one torrent.

    Attributes:
        seeders: Peers that have everything.
        completed: How often somebody reported to have finished.
        leechers: Peers that do not have everything.
    """

    seeders: int = 0
    completed: int = 0
    leechers: int = 0


@dataclass(frozen=True, slots=True)
class Tallies:
    """A tracker's answer to a scrape: what it knows, by infohash."""

    torrents: dict[bytes, Tally] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """The tracker said no, in its own words.

    Attributes:
        reason: Its "failure reason", fit to be printed.
        retry_in: Seconds after which it may be asked again (BEP 31); ``None`` if it did not say,
            infinite if it said never.
    """

    reason: str
    retry_in: float | None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """The tracker sent what no tracker should.

    Attributes:
        reason: What is wrong with it, naming the field.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """There was no answer to read.

    Attributes:
        reason: What stood in the way.
    """

    reason: str


Failure: TypeAlias = Refused | Malformed | Unreachable
Outcome: TypeAlias = Peers | Failure
"""What came of an announce."""


def printable(raw: bytes) -> str:
    """Turn what a stranger says into one line of text: no control character reaches a terminal."""
    text = raw[: 4 * MAX_TEXT].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text)[:MAX_TEXT].strip()


def unpack_peers(compact: bytes, size: int) -> list[Endpoint]:
    """Read compact peers (BEP 23, BEP 7); bytes left over after the last whole one are ignored."""
    end = min(len(compact) // size, MAX_PEERS) * size
    return [unpack_address(compact[at : at + size]) for at in range(0, end, size)]


def dialable(peers: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """Those that could be peers at all, each once, at most ``MAX_PEERS``.

    Out go port 0, what is no address (BEP 3 lets a tracker name hosts; looking those up would let
    it send our queries to any name server) and addresses where nobody can be.
    """
    once = dict.fromkeys(peers)
    good = [peer for peer in once if 0 < peer[1] < 1 << 16 and scope(peer[0]) > Scope.NOWHERE]
    return tuple(good[:MAX_PEERS])
