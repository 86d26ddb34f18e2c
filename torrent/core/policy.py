"""The numbers by which a swarm behaves, each with the reason beside it.

Where other clients have a number, theirs is named: a swarm is a conversation, and whoever waits
for two minutes among people who wait for one is hung up on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BLOCK: Final = 16_384
"""Bytes of a block: what everybody requests (BEP 3), and the leaf of BEP 52's trees."""
BLOCK_SHIFT: Final = 14
"""``begin >> BLOCK_SHIFT`` is a block's index in its piece."""
MAX_PIECES: Final = 2_097_152
"""Pieces of a torrent we take part in: libtorrent's ``max_piece_count``. A bitfield of 256 KiB."""
METADATA_FRAME: Final = MAX_PIECES // 8 + 16
"""The longest message while the count of pieces is unknown: the largest torrent's bitfield."""
LEAST_FRAME: Final = 65_536
"""The longest message otherwise, unless the bitfield is longer: room for 512 hashes and their
proofs (17 KiB), for metadata (16 KiB and a dictionary), and for anybody's handshake dictionary."""
MAX_UNSENT: Final = 4 << 20
"""Control bytes that may wait for a socket. A link that is read once a minute has less: who lets
this pile up does not read at all."""


@dataclass(slots=True)
class SwarmPolicy:
    """How one swarm behaves. Times are seconds.

    Attributes:
        fast: Whether we speak the fast extension (BEP 6).
        client: What we call ourselves (BEP 10's ``v``).
        port: Where we listen (BEP 10's ``p``); 0 if nowhere.
        dht_port: Where our DHT node listens (BEP 5); 0 if there is none.
        connections: Peers of this torrent. libtorrent's default is 200 for all torrents together.
        half_open: Dials under way: those of a dead swarm must not eat every file descriptor.
        per_host: Connections to one host that we dial. One; tests need more.
        guests: Connections from one host that dials us. Behind one address there may be a
            household's peers, or two downloads of one user; more would be for who wants our slots.
        candidates: Endpoints remembered. An honest tracker names 200, and the DHT some hundreds.
        dial_patience: A dial the shell never reports on is over after this.
        redial_after: Between two dials to one peer; doubles with each failure.
        max_failures: Dials in a row that fail before a candidate is dropped (libtorrent: 3).
        greeting_patience: For the handshake and for the first bytes after it.
        silence: Without a byte the peer is gone (libtorrent, BEP 3: 120).
        keep_alive: Without a byte of ours we send a keep-alive; less than the others' silence.
        stall: Unchoked, asked, and not one block: the connection is of no use.
        idle: Neither side interested for this long: make room (libtorrent: 600).
        least_patience: A request younger than this is not overdue, however fast the peer. Covers
            round trips over full buffers; asking twice costs one block.
        first_patience: The same, for a peer that has never sent a block.
        most_patience: A request older than this is overdue, however slow the peer.
        seconds_ahead: How much is asked of a peer in advance, in seconds at its rate. Covers the
            round trip and the time until we are woken; more only makes endgames longer.
        least_window: Blocks asked of anyone.
        most_window: Blocks asked of one peer: 4 MiB, enough for 4 MiB/s at 1 s round trip.
        reqq: Requests that one peer may queue here (libtorrent and Transmission say 500).
        max_strikes: Rejects in a row, bad requests, blocks nobody asked for, before we hang up
            (libtorrent's ``max_rejects``: 50).
        upload_slots: Peers served at a time, not counting those who leave their slot idle. A piece
            divided among eight (libtorrent) comes late to all of them: in the first 40 s of a swarm
            with one seed, eight slots used 68 % of the uplinks, four 83 %.
        allowed_fast: Pieces a choked peer may fetch (BEP 6 suggests 10).
        max_open: Pieces under way at a time; each holds a buffer.
        pex_every: Between two peer exchanges (BEP 11: at most one a minute).
        pex_entries: Peers named in one (BEP 11: 50).
        beat: How often a working swarm looks at its clocks.
        idle_beat: How often one does in which nothing is under way: a seedbox has a thousand.
    """

    fast: bool = True
    client: str = "dhtctl"
    port: int = 0
    dht_port: int = 0
    connections: int = 80
    half_open: int = 16
    per_host: int = 1
    guests: int = 3
    candidates: int = 2_000
    dial_patience: float = 30.0
    redial_after: float = 15.0
    max_failures: int = 3
    greeting_patience: float = 20.0
    silence: float = 130.0
    keep_alive: float = 100.0
    stall: float = 120.0
    idle: float = 600.0
    least_patience: float = 4.0
    first_patience: float = 10.0
    most_patience: float = 60.0
    seconds_ahead: float = 1.5
    least_window: int = 4
    most_window: int = 256
    reqq: int = 500
    max_strikes: int = 50
    upload_slots: int = 4
    allowed_fast: int = 10
    max_open: int = 64
    pex_every: float = 60.0
    pex_entries: int = 50
    beat: float = 1.0
    idle_beat: float = 10.0
