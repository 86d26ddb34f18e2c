"""The verbs that store and find: records, names, providers, and promises to keep them."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, TypedDict, cast

import trio

from dht.codec.bencode import decode, encode
from dht.core.commands import Locate, Provide, Publish, Retrieve
from dht.core.keys import MAINLINE_SPACE
from dht.core.messages import Provider, Record
from dht.errors import NotFound, PartialStore, Refused, Unpublishable
from dht.mainline.items import Code, ItemRules, immutable_record, mutable_key, sign_record
from dht.node.errand import Providing
from dht.node.pledge import Pledge
from dht.node.results import Retrieved, Stored
from dht.node.verbs import Verbs, read_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from dht.codec.bencode import Value
    from dht.core.commands import Command
    from dht.core.effects import Evidence
    from dht.core.keys import Key
    from dht.mainline.items import Signer
    from dht.node.errand import Errand
    from dht.node.udp import Port
    from dht.node.verbs import KeyLike

_RULES: Final = ItemRules()
_BEHIND: Final = frozenset({Code.CAS_MISMATCH, Code.SEQ_TOO_LOW})
_PORTS: Final = 65535
_SELF: Final = "0.0.0.0"  # noqa: S104 - not bound to
"""The host of a provider that is ourselves: others see our address for themselves (BEP 5)."""


class How(TypedDict, total=False):
    """Options of writes, against liars near the key.

    ``paths``: walk so many disjoint paths (S/Kademlia). ``region``: store on every live node that
    shares so many leading bits with the key, not only on the closest few.
    """

    paths: int
    region: int | None


class Storing(Verbs):
    """Put, publish, get, provide, find; promise and forget."""

    async def put(
        self, value: Value | str, *, min_copies: int = 1, keep: bool = False, **how: Unpack[How]
    ) -> Stored:
        """Store an immutable value; whoever has its key can read it and nobody can change it.

        Args:
            value: Bytes (or text, as UTF-8), a number, a list or a dictionary: up to 1000 bytes
                when bencoded.
            min_copies: Raise :class:`PartialStore` if fewer nodes took it.
            keep: Promise to keep it published (see :meth:`promise`).
            how: See :class:`How`.

        Raises:
            Unpublishable, NoNetwork, Refused, PartialStore: See there.
        """
        record = immutable_record(_bencoded(value))
        return await self._publish(record, None, min_copies, keep=keep, how=how)

    async def publish(
        self,
        signer: Signer,
        value: Value | str,
        *,
        salt: bytes = b"",
        seq: int | None = None,
        cas: int | None = None,
        min_copies: int = 1,
        keep: bool = False,
        **how: Unpack[How],
    ) -> Stored:
        """Store a value under the name of ``signer`` (and ``salt``), in place of an older one.

        Args:
            signer: An Ed25519 private key.
            value: As for :meth:`put`.
            salt: Tells several names of one signer apart.
            seq: The version. If not given: one more than the network has.
            cas: Only if this is the version the network has.
            min_copies: As for :meth:`put`.
            keep: As for :meth:`put`.
            how: See :class:`How`.

        Raises:
            Unpublishable, NoNetwork, Refused, PartialStore: See there.
        """
        if seq is None:
            seq = 1 + await self.latest(signer.public_key().public_bytes_raw(), salt)
        record = sign_record(signer, _bencoded(value), seq, salt)
        return await self._publish(record, cas, min_copies, keep=keep, how=how)

    async def get(
        self, key: KeyLike, *, salt: bytes = b"", min_seq: int | None = None, paths: int = 1
    ) -> Retrieved:
        """Read the value of ``key``; the newest version of it, if it has versions.

        ``salt`` is needed to verify a mutable value that was stored with one. With ``min_seq``,
        only a newer version than that is of interest. With ``paths``, so many disjoint paths are
        walked, for networks with liars.

        Raises:
            NotFound: Nobody has it; the evidence tells how sure that is.
            NoNetwork: There was nobody to ask.
        """
        name, target = read_key(key)
        errand = await self._begin(lambda n, _: Retrieve(n, target, salt, min_seq, paths))
        best: Record | None = None
        try:
            async for found in errand:
                if isinstance(found.item, Record) and _beats(found.item, best):
                    best = found.item
                    if best.seq is None:
                        break
        finally:
            errand.stop()
        if best is None:
            self._must_have_answers(errand.evidence)
            raise NotFound(f"{name.hex()}", errand.evidence)
        return Retrieved(name, _content(best.value), best, errand.evidence)

    async def resolve(
        self, public: bytes, salt: bytes = b"", *, min_seq: int | None = None, paths: int = 1
    ) -> Retrieved:
        """Read the newest value under the name of a public key (and a salt); see :meth:`get`."""
        key = MAINLINE_SPACE.to_bytes(mutable_key(public, salt))
        return await self.get(key, salt=salt, min_seq=min_seq, paths=paths)

    async def latest(self, public: bytes, salt: bytes) -> int:
        """The highest version that the network or our own promises know of a name; 0 if none.

        Raises:
            NoNetwork: There was nobody to ask.
        """
        promised = await self._living.keeper.last_seq(mutable_key(public, salt))
        try:
            return max(promised, (await self.resolve(public, salt)).seq or 0)
        except NotFound:
            return promised

    # Providers.

    async def provide(
        self,
        key: KeyLike,
        port: int = 0,
        *,
        seed: bool = False,
        min_copies: int = 1,
        keep: bool = False,
        **how: Unpack[How],
    ) -> Stored:
        """Announce that we have the content of ``key`` and serve it on ``port``.

        Args:
            key: An infohash, or what stands for another CID.
            port: Where we serve it; 0: on the port this node talks from.
            seed: We have all of it (BEP 33).
            min_copies: As for :meth:`put`.
            keep: As for :meth:`put`; announcements are forgotten within the hour.
            how: See :class:`How`.

        Raises:
            NoNetwork, Refused, PartialStore: See there.
        """
        _, target = read_key(key)
        if type(port) is not int or not 0 <= port <= _PORTS:
            raise ValueError(f"{port!r} is not a port: give 1 to {_PORTS}, or 0 for our own")
        provider = Provider((_SELF, port), seed)

        def command(number: int, _: Port) -> Command:
            return Provide(number, target, provider, **_checked(how))

        self._list_ourselves(target, provider)
        return await self._store(target, provider, command, min_copies, keep=keep)

    def _list_ourselves(self, target: Key, provider: Provider) -> None:
        """Answer for ourselves, where we are among the closest to the key that we know of.

        BEP 5 lists providers at the nodes closest to the key, and we may be one of these: of a
        network that we are the first of, we are all of them, and who joins it asks nobody else.
        Others see where we write from. We know where we are bound or, on all addresses, where the
        world agrees to see us; without either there is nothing to be listed.
        """
        for port in self._living.host.ports:
            engine, (host, number) = port.engine, port.address
            known = engine.table.closest(target, engine.policy.k)
            nearer = [each for each in known if each.key ^ target < engine.own ^ target]
            if ip_address(host).is_unspecified:
                host = self._living.host.seen(port) or ""
            if host and engine.serves and len(nearer) < engine.policy.k:
                _, said = cast("tuple[str, int]", provider.endpoint)
                ours = Provider((host, said or number), provider.seed)
                engine.providers.add(target, ours, trio.current_time())

    def find_providers(self, key: KeyLike, *, paths: int = 1) -> Providing:
        """Find who has the content of ``key``: iterate with ``async for`` as answers come."""
        _, target = read_key(key)

        async def begin() -> Errand:
            return await self._begin(lambda n, _: Locate(n, target, scrape=False, paths=paths))

        return Providing(begin)

    # Promises.

    async def promise(self, key: KeyLike, what: Record | Provider) -> int:
        """Promise to keep ``what`` published under ``key`` until :meth:`forget`.

        With a state, the promise is durable when this returns, and kept by the resident node of
        that state (this one or another process). Without, this node keeps it while it lives.

        Returns:
            The number of the promise.
        """
        _, target = read_key(key)
        return await self._living.keeper.promise(target, what, publishing=False)

    async def keep(self, promise: int) -> None:
        """Keep a promise of our state ourselves, until it is withdrawn (or we are cancelled).

        The resident node of a state keeps all its promises; this is for others who stay.
        """
        living = self._living
        await living.joining.wait_joined()  # Before, each renewal would only fail.
        await living.keeper.keep(promise)

    async def forget(self, key: KeyLike) -> int:
        """Withdraw every promise under ``key``; how many stood. The network forgets by itself."""
        _, target = read_key(key)
        return len(await self._living.keeper.forget(target))

    # Common parts.

    async def _publish(
        self, record: Record, cas: int | None, min_copies: int, *, keep: bool, how: How
    ) -> Stored:
        refusal = _RULES.admit(record)
        if refusal is not None:
            raise Unpublishable(refusal)

        def command(number: int, _: Port) -> Command:
            return Publish(number, record, cas, **_checked(how))

        return await self._store(
            record.key, record, command, min_copies, keep=keep, conditional=cas is not None
        )

    async def _store(
        self,
        key: Key,
        what: Record | Provider,
        command: Callable[[int, Port], Command],
        min_copies: int,
        *,
        keep: bool,
        conditional: bool = False,
    ) -> Stored:
        """Promise if asked to, write, and judge the outcome.

        The promise comes first: then nobody can die between having written and having promised,
        and of two processes with the same next version one is told before it writes. Whoever
        writes on condition must not promise before the network has agreed to it.
        """
        living = self._living
        await living.joining.wait()  # Where there is no network, nothing is promised.
        pledge = Pledge(living.keeper, key, what) if keep else None
        if pledge is not None and not conditional:
            await pledge.make()
        errand = await self._finish(command)
        evidence = errand.evidence
        refused = _is_refused(evidence)
        if pledge is not None:
            await pledge.settle(() if refused or not evidence.holders else errand.parts)
        if not evidence.holders:
            self._must_have_answers(evidence)
        if refused:
            raise Refused(evidence)
        stored = Stored(
            MAINLINE_SPACE.to_bytes(key),
            len(evidence.holders),
            evidence,
            what if isinstance(what, Record) else None,
            None if pledge is None else pledge.number,
        )
        if stored.copies < min_copies:
            raise PartialStore(stored, min_copies)
        return stored


def _checked(how: How) -> How:
    """Refuse what would go wrong deep inside.

    Raises:
        ValueError: ``paths`` or ``region`` makes no sense.
    """
    paths, region = how.get("paths", 1), how.get("region")
    if type(paths) is not int or paths < 1:
        raise ValueError(f"paths={paths!r}: give how many disjoint paths to walk, 1 or more")
    bits = MAINLINE_SPACE.bits
    if region is not None and (type(region) is not int or not 0 <= region <= bits):
        raise ValueError(f"region={region!r}: give how many leading bits to share, 0 to {bits}")
    return how


def _is_refused(evidence: Evidence) -> bool:
    """Whether the network declined: nobody took it, or fewer than hold something newer.

    A node that newly came close to the key holds no version and takes any; a few of those do not
    make a write that most holders turned down (301, 302) a success.
    """
    behind = sum(refusal.code in _BEHIND for _, refusal in evidence.refusals)
    copies = len(evidence.holders)
    return behind > copies or bool(evidence.refusals and not copies)


def _bencoded(value: Value | str) -> bytes:
    return encode(value.encode() if isinstance(value, str) else value)


def _content(raw: bytes) -> bytes:
    """The bytes of a bencoded string; of anything else, the bencoding."""
    value = decode(raw)
    return value if isinstance(value, bytes) else raw


def _beats(one: Record, other: Record | None) -> bool:
    return other is None or _RULES.better(one, other)
