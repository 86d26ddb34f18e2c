"""Write tokens (BEP 5): proof that a writer can receive where it says it writes from.

"The BitTorrent implementation uses the SHA1 hash of the IP address concatenated onto a secret
that changes every five minutes and tokens up to ten minutes old are accepted." Ours is bound to
the key as well, so a ticket got for one key is no leave to write under others (BEP 44 allows it).

Every answer to ``get`` and ``get_peers`` carries one, so minting is on the hot path: one BLAKE2s
over secret, key and host. BLAKE2 needs no HMAC construction: a secret prefix makes it a MAC
(RFC 7693, section 1), and the key before the host is of fixed length, so no two pairs look alike.
Its keyed mode would do the same at 1.3 times the cost. A secret is kept as the state of the hash
after it, which is copied for each ticket: what the length of the digest costs is paid once.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from typing import TYPE_CHECKING, Final, cast

from dht.mainline.compact import pack_host

if TYPE_CHECKING:
    from random import Random

    from dht.core.keys import Key
    from dht.core.messages import Origin
    from dht.mainline.compact import Address

SIZE: Final = 8
"""Bytes of a ticket. A blind guess succeeds once in 2^64."""

ROTATION: Final = 300.0
"""Seconds a secret mints; it is accepted as long again (BEP 5: five and ten minutes)."""

_SECRET_BITS: Final = 128


class MainlineTickets:
    """Mints and checks tickets with two rotating secrets. Implements ``TicketRules``."""

    __slots__ = ("_current", "_previous", "_rng", "_until")

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._current = self._previous = hashlib.blake2s(digest_size=SIZE)
        self._until = -math.inf  # the first ticket draws the secrets

    def _draw(self) -> hashlib.blake2s:
        """A new secret, hashed so far."""
        secret = self._rng.getrandbits(_SECRET_BITS).to_bytes(_SECRET_BITS // 8, "big")
        return hashlib.blake2s(secret, digest_size=SIZE)

    def _rotate(self, now: float) -> None:
        """Take a new secret. After a long silence both are new: nothing old is accepted."""
        if now < self._until + ROTATION:
            self._previous = self._current
            self._until += ROTATION
        else:
            self._previous = self._draw()
            self._until = now + ROTATION
        self._current = self._draw()

    def mint(self, origin: Origin, key: Key, now: float) -> bytes:
        """Make a ticket for the host of ``origin`` to write under ``key``."""
        return self.mint_raw(_bound(origin, key), now)

    def mint_raw(self, bound: bytes, now: float) -> bytes:
        """Make a ticket for ``bound``: a key and behind it a host, as they come off the wire."""
        if now >= self._until:
            self._rotate(now)
        # As :func:`_finish`, without the call: it would cost what the copied state saves.
        state = self._current.copy()
        state.update(bound)
        return state.digest()

    def check(self, ticket: bytes, origin: Origin, key: Key, now: float) -> bool:
        """Whether ``ticket`` was minted here for this host and key, five to ten minutes ago."""
        if now >= self._until:
            self._rotate(now)
        bound = _bound(origin, key)
        return any(
            hmac.compare_digest(_finish(secret, bound), ticket)
            for secret in (self._current, self._previous)
        )


def _bound(origin: Origin, key: Key) -> bytes:
    """What a ticket is bound to: the key, and the host of ``origin``."""
    host, _ = cast("Address", origin.endpoint)
    return key.to_bytes(20, "big") + pack_host(host)


def _finish(secret: hashlib.blake2s, bound: bytes) -> bytes:
    """The ticket for what ``bound`` says."""
    state = secret.copy()
    state.update(bound)
    return state.digest()
