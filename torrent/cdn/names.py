"""Names that lead to the newest version (BEP 46, end to end).

>>> async with Names(node, memory) as names:                       # doctest: +SKIP
...     version = await names.resolve(Name.parse("k51.../site"))
...     torrent = await session.add(version.magnet, directory)

**Fast, then right.** A walk through the DHT takes from some hundredths of a second to two, and a
name is asked for with every page that is looked at. So an answer that is known is given at once,
and if it is older than :data:`FRESH`, a walk goes on behind it whose outcome the next one gets
(as HTTP's ``stale-while-revalidate``). Who must have the newest says ``fresh=True`` and waits.

**Versions only rise.** What is found is compared with what was ever seen (:mod:`.memory`) before
it is believed. Something older is refused with :class:`~torrent.cdn.errors.RollbackError`, which
carries the newer one; behind a known answer it changes nothing and is logged.

**Kept by anybody.** A record is signed once and stays valid; to publish it again takes no key.
:meth:`Names.keep` makes that a promise, which the keeper of the state directory's node renews
hourly (BEP 44: items may be forgotten after two hours). So a name lives as long as it has a mirror.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Self

import trio

from dht.errors import DhtError, NotFound, Refused
from dht.mainline.items import Code
from dht.mainline.torrents import INFOHASH_SIZE
from dht.node.nurseries import Entered
from dht.node.state import StalePromiseError
from torrent.cdn.errors import (
    ForgedNameError,
    LostRaceError,
    NamingError,
    NoTorrentError,
    RollbackError,
    UnknownNameError,
)
from torrent.cdn.name import Name, Version

if TYPE_CHECKING:
    from dht.codec.bencode import Value
    from dht.core.messages import Record
    from dht.mainline.items import Signer
    from dht.node.node import Node
    from torrent.cdn.memory import Memory

__all__ = ["FRESH", "Name", "Names", "Version", "Watching"]

FRESH: Final = 60.0
"""Seconds for which nobody walks again for a name: what a walk costs others is some thirty
requests, and a publisher who waits a minute for its visitors has not waited long."""
_KNOWN: Final = 1024
"""Names whose version is kept at hand; others are read from the disk, which takes 0.1 ms."""
_WALKS: Final = 8
"""Walks at once: whoever asks a gateway for a thousand names shall not make it a flood."""
_BEHIND: Final = frozenset({Code.CAS_MISMATCH, Code.SEQ_TOO_LOW})
_log: Final = logging.getLogger("torrent.cdn")


class _Walk:
    """One walk under way, and all who wait for it."""

    def __init__(self) -> None:
        self.over = trio.Event()
        self.outcome: Version | NamingError | DhtError | None = None


class _Known:
    """A version at hand, and when it was last compared with the network."""

    def __init__(self, version: Version, looked: float) -> None:
        self.version = version
        self.looked = looked


class Names(Entered):
    """Resolves and publishes names. Enter it with ``async with``: walks go on inside it.

    Args:
        node: Asks and stores; it must be running.
        memory: What was seen before. It is not closed with this.
        fresh: See :data:`FRESH`.

    Attributes:
        fresh: Seconds for which a name is not walked for again.
    """

    def __init__(self, node: Node, memory: Memory, *, fresh: float = FRESH) -> None:
        self._node = node
        self._memory = memory
        self.fresh = fresh
        self._known: OrderedDict[Name, _Known] = OrderedDict()
        self._walks: dict[Name, _Walk] = {}
        self._places = trio.CapacityLimiter(_WALKS)
        self._moved = trio.Event()

    # Reading.

    async def resolve(self, name: Name, *, fresh: bool = False) -> Version:
        """Where ``name`` leads: never to less than was seen before.

        Args:
            name: Which name.
            fresh: Ask the network and wait for it, whatever is known.

        Raises:
            UnknownNameError: Nobody has it; the evidence tells how sure that is.
            ForgedNameError: Only records came that its key did not sign.
            RollbackError: Only older records came than were seen before.
            NoTorrentError: It leads to no torrent.
            DhtError: There was nobody to ask.
            StateError: The memory could not be read or written.
        """
        known = None if fresh else await self.known(name)
        if known is None:
            return await self._found(name)
        self.refresh(name)
        return known

    async def known(self, name: Name) -> Version | None:
        """The newest version seen so far, without asking anybody; ``None`` if none was."""
        at_hand = self._at_hand(name)
        if at_hand is not None:
            await trio.lowlevel.checkpoint()
            return at_hand
        record = await trio.to_thread.run_sync(self._memory.seen, name)
        version = None if record is None else Version.of(record)
        if version is not None:
            self._learn(version)
        return version

    def refresh(self, name: Name) -> None:
        """Have a known version compared with the network behind our back, if that is due."""
        known = self._known.get(name)
        if known is None or trio.current_time() - known.looked >= self.fresh:
            self._begin(name)

    def watch(self, name: Name) -> Watching:
        """The versions of ``name`` from now on: iterate with ``async for``."""
        return Watching(self, name)

    # Writing.

    async def publish(
        self,
        key: Signer,
        salt: bytes,
        infohash: bytes,
        *,
        cas: int | None = None,
        origin: str = "",
    ) -> Version:
        """Let the name of ``key`` and ``salt`` lead to a torrent from now on, and promise it.

        Args:
            key: An Ed25519 private key.
            salt: Which of its records.
            infohash: The torrent; 20 bytes.
            cas: Publish only in place of this version (0: of none), and not if there is a newer.
            origin: A web seed of the torrent.

        Returns:
            What was published: its ``seq`` is above every version seen before.

        Raises:
            LostRaceError: Somebody else with the key was faster; nothing was published.
            ValueError: ``infohash`` is not 20 bytes.
            DhtError: There was nobody who took it.
            StateError: It could not be promised.
        """
        if len(infohash) != INFOHASH_SIZE:
            raise ValueError(f"an infohash has {INFOHASH_SIZE} bytes here, not {len(infohash)}")
        name = Name(key.public_key().public_bytes_raw(), salt)
        seen = await self.known(name)
        latest = max(seen.seq if seen else 0, await self._node.latest(name.public, salt))
        if cas is not None and cas != latest:
            raise LostRaceError(name, seen, f"the newest is {latest}, not {cas}")
        value: Value = {b"ih": infohash}
        if origin:
            value = {b"ih": infohash, b"ws": origin.encode()}
        record = await self._write(name, key, value, latest + 1, cas or None)
        version = Version.of(await self._saw(name, record))
        if version is None or version.record != record:
            raise LostRaceError(name, version, "another process was faster")
        self._learn(version, looked=trio.current_time())
        return version

    async def _write(
        self, name: Name, key: Signer, value: Value, seq: int, cas: int | None
    ) -> Record:
        """Store and promise it.

        Raises:
            LostRaceError: The network, or our own promises, know another.
        """
        try:
            stored = await self._node.publish(
                key, value, salt=name.salt, seq=seq, cas=cas, keep=True
            )
        except StalePromiseError as stale:
            raise LostRaceError(name, self._at_hand(name), str(stale)) from stale
        except Refused as refused:
            if refused.code in _BEHIND:
                raise LostRaceError(name, self._at_hand(name), "refused") from refused
            raise
        assert stored.record is not None  # noqa: S101 - it was one that we published
        return stored.record

    async def keep(self, version: Version) -> int:
        """Promise to publish a version again for as long as it is the newest; needs no key.

        Returns:
            The number of the promise that stands: of this version, or of a newer one; 0 if none.

        Raises:
            StateError: It could not be written down.
        """
        try:
            return await self._node.promise(version.name.key, version.record)
        except StalePromiseError:
            return 0

    # Walking.

    def _begin(self, name: Name) -> _Walk:
        """Walk for ``name``, unless somebody does already."""
        walk = self._walks.get(name)
        if walk is None:
            nursery = self._inside()
            walk = self._walks[name] = _Walk()
            nursery.start_soon(self._run, name, walk)
        return walk

    async def _found(self, name: Name) -> Version:
        """Walk, and wait for it."""
        walk = self._begin(name)
        await walk.over.wait()
        if isinstance(walk.outcome, Version):
            return walk.outcome
        assert walk.outcome is not None  # noqa: S101 - it is over
        raise walk.outcome

    async def _run(self, name: Name, walk: _Walk) -> None:
        try:
            async with self._places:
                walk.outcome = await self._walk(name)
        except (NamingError, DhtError) as problem:
            walk.outcome = problem
            _log.info("%s", problem)
        finally:
            del self._walks[name]
            if (known := self._known.get(name)) is not None:
                known.looked = trio.current_time()
            walk.over.set()

    async def _walk(self, name: Name) -> Version:
        """Ask the network, and believe only what is no step back."""
        seen = await self.known(name)
        try:
            found = (await self._node.resolve(name.public, name.salt)).record
        except NotFound as absent:
            kind = ForgedNameError if absent.evidence.forged else UnknownNameError
            raise kind(name, seen, absent.evidence) from absent
        if Version.of(found) is None:
            raise NoTorrentError(name, seen)
        newest = Version.of(await self._saw(name, found))
        assert newest is not None  # noqa: S101 - nothing else is ever written down
        self._learn(newest)
        if (newest.seq, newest.record.value) != (found.seq, found.value):
            raise RollbackError(name, found.seq, newest)
        return newest

    async def _saw(self, name: Name, record: Record) -> Record:
        return await trio.to_thread.run_sync(self._memory.saw, name, record, time.time())

    def _at_hand(self, name: Name) -> Version | None:
        known = self._known.get(name)
        if known is None:
            return None
        self._known.move_to_end(name)
        return known.version

    def _learn(self, version: Version, looked: float = float("-inf")) -> None:
        """Have a version at hand, and wake who waits for one."""
        known = self._known.get(version.name)
        self._known[version.name] = _Known(version, max(looked, known.looked if known else looked))
        self._known.move_to_end(version.name)
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)
        self._moved.set()
        self._moved = trio.Event()

    async def moved(self) -> None:
        """Wait until anything was learned of any name."""
        await self._moved.wait()


class Watching:
    """The versions of one name, each newer than the last; see :meth:`Names.watch`.

    It looks every :data:`FRESH` seconds, and never ends by itself: a name that cannot be found, or
    a network that is gone, may come back.
    """

    def __init__(self, names: Names, name: Name) -> None:
        self._names = names
        self._name = name
        self._last = -1

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Version:
        """Wait for the next version; what is known already comes at once."""
        while True:
            version = await self._names.known(self._name)
            self._names.refresh(self._name)
            if version is not None and version.seq > self._last:
                self._last = version.seq
                return version
            with trio.move_on_after(self._names.fresh):
                await self._names.moved()
