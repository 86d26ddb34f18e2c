"""``dhtctl status``: the node of a state directory, and what it promised to keep.

Reads the disk and nothing else: it answers at once, without a network, whether or not a node runs,
and changes nothing. What a running node knows only in memory is therefore not in it; its contacts
are those it saved last.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from cli import residents
from cli.errors import CommandError, ExitCode
from cli.evidence import copies, count
from cli.failures import translated
from cli.tables import aligned, size, span
from cli.torrents import listing
from cli.torrents.stored import Held
from dht import names
from dht.core.keys import MAINLINE_SPACE
from dht.core.messages import Provider
from dht.node.disk import StateError
from dht.node.identity import Identity
from dht.node.state import State
from torrent.cdn.memory import Memory

if TYPE_CHECKING:
    from pathlib import Path

    from cli.context import Context
    from dht.node.identity import Address
    from dht.node.promises import Content, StoredPromise
    from torrent.cdn.memory import Volunteer
    from torrent.cdn.name import Name

_COLUMNS: Final = 4


def run(context: Context) -> ExitCode:
    """Show it."""
    directory = context.settings.state
    try:
        pid, addresses = Identity.holder(directory), Identity.running(directory)
        with State.open(directory, readonly=True) as state:
            promises, statistics = state.promises(), state.statistics()
    except StateError as error:
        raise translated(error) from error
    except (OSError, ValueError) as error:
        raise CommandError(
            f"cannot read the state directory {directory}: {error}",
            hint="--state names a directory",
        ) from error
    wall = time.time()
    standings = [Standing.of(promise, wall) for promise in promises]
    torrents = Held.all(directory)
    seeded = sum(torrent.promised for torrent in torrents)
    _show_node(context, pid, addresses or ())
    context.out.result(
        "stored",
        f"holds     {count(statistics.records, 'record')} and "
        f"{count(statistics.providers, 'provider')} for others, "
        f"{count(statistics.contacts, 'saved contact')}; {size(statistics.size)} on disk\n"
        f"promises  {_counted(len(promises), seeded)}",
        records=statistics.records,
        providers=statistics.providers,
        contacts=statistics.contacts,
        promises=statistics.promises,
        seeded=seeded,
        size_bytes=statistics.size,
    )
    _show_promises(context, standings)
    _show_sites(context, wall)
    listing.show(context, torrents, "torrents  ", "  ")
    if pid is None and (standings or torrents):
        context.out.note("no node runs here, so nobody keeps them: start one with `dhtctl node`")
    return ExitCode.DONE


def _show_node(context: Context, pid: int | None, addresses: tuple[Address, ...]) -> None:
    """Say whether a node runs here. The lock says so, which no crash leaves behind."""
    shown = residents.shown(addresses)
    if pid is None:
        text = "none is running"
    else:
        text = f"process {pid or 'unknown'} at {' '.join(shown) or 'an address it has yet to say'}"
    context.out.result(
        "node",
        f"state     {context.settings.state}\nnode      {text}",
        running=pid is not None,
        pid=pid or None,
        addresses=shown,
        state=str(context.settings.state),
    )


def _counted(published: int, seeded: int) -> str:
    """How many promises there are; those of torrents are kept otherwise, and named as such."""
    if not seeded:
        return str(published or "none")
    torrents = f"{count(seeded, 'torrent')} to seed"
    return f"{published} to publish, {torrents}" if published else torrents


def _show_sites(context: Context, wall: float) -> None:
    """Say what is published from here, and who has copies of it."""
    with Memory.open(context.settings.state, readonly=True) as memory:
        for site in memory.sites():
            record = memory.seen(site.name)
            volunteers = memory.volunteers(site.name) if site.replicas else []
            here = sum(each.counts for each in volunteers)
            missed = [each for each in volunteers if each.missed]
            told = f", {here} of {site.replicas} replicas" if site.replicas else ""
            seq = 0 if record is None else record.seq
            repository = _is_repository(context.settings.state, memory, site.name)
            kind = "repo" if repository else "site"
            lines = [f"{kind}      {site.name}  version {seq}{told}  {site.source}"]
            lines += [f"  missed  {_missed(each, wall)}" for each in missed]
            context.out.result(
                "site",
                "\n".join(lines),
                name=str(site.name),
                seq=seq,
                source=str(site.source),
                repository=repository,
                replicas=here,
                wanted=site.replicas,
                missed=[_volunteer_facts(each, wall) for each in missed],
            )


def _is_repository(state: Path, memory: Memory, name: Name) -> bool:
    """Whether what was published last under a name is a repository's manifest."""
    newest = next(iter(memory.shelved(name)), None)
    if newest is None:
        return False
    from torrent.git.store import directory_of

    return directory_of(state, name) in newest.directory.parents


def _missed(volunteer: Volunteer, wall: float) -> str:
    last = "never" if volunteer.passed is None else f"{span(wall - volunteer.passed)} ago"
    return f"{volunteer.host}:{volunteer.port}, last seen {last}: {volunteer.why}"


def _volunteer_facts(volunteer: Volunteer, wall: float) -> dict[str, Any]:
    return {
        "address": f"{volunteer.host}:{volunteer.port}",
        "last_seen_age_s": None if volunteer.passed is None else round(wall - volunteer.passed, 3),
        "failed": volunteer.failed,
        "why": volunteer.why,
    }


def _show_promises(context: Context, standings: list[Standing]) -> None:
    lines = aligned([standing.cells for standing in standings], left=_COLUMNS)
    for standing, line in zip(standings, lines, strict=True):
        context.out.result("promise", f"  {line}", **standing.facts)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a promise stands at a moment; times are in seconds from now.

    Attributes:
        promise: Which.
        address: What users call it.
        due: Seconds until the next renewal; negative if it is overdue.
        succeeded: Seconds since the last success; ``None`` if there was none.
        failed: Whether the latest attempt stored no copy anywhere.
    """

    promise: StoredPromise
    address: str
    due: float
    succeeded: float | None
    failed: bool

    @classmethod
    def of(cls, promise: StoredPromise, wall: float) -> Self:
        """How ``promise`` stands at ``wall``."""
        keepings = promise.keepings
        done = promise.succeeded
        return cls(
            promise,
            _address(promise),
            min([keeping.due for keeping in keepings], default=promise.due) - wall,
            None if done is None else wall - done,
            # A family in which we have no network fails each time; the other one suffices.
            bool(keepings) and all(keeping.succeeded != keeping.attempted for keeping in keepings),
        )

    @property
    def cells(self) -> list[str]:
        """A line of the table."""
        return [self.address, _what(self.promise.what), self._success(), self._next()]

    def _success(self) -> str:
        if self.succeeded is None:
            return "no success yet" if self.failed else "not published yet"
        told = f"{copies(self.promise.copies)} {span(self.succeeded)} ago"
        return f"{told}, then a failure" if self.failed else told

    def _next(self) -> str:
        if self.due < 0:
            return f"due since {span(-self.due)}"
        return f"next in {span(self.due)}"

    @property
    def facts(self) -> dict[str, Any]:
        """The same for programs."""
        promise, what = self.promise, self.promise.what
        told: dict[str, Any] = {
            "id": promise.id,
            "network": promise.network,
            "address": self.address,
            "key": MAINLINE_SPACE.to_bytes(promise.key).hex(),
            "copies": promise.copies,
            "last_success_age_s": None if self.succeeded is None else round(self.succeeded, 3),
            "last_attempt_failed": self.failed,
            "next_due_in_s": round(self.due, 3),
            "created_unix_s": round(promise.created, 3),
        }
        if isinstance(what, Provider):
            return told | {"what": "provider", "port": _port(what), "seed": what.seed}
        if what is None or not what.signer:
            return told | {"what": "value"}
        return told | {"what": "name", "seq": what.seq, "salt": what.salt.hex()}


def _address(promise: StoredPromise) -> str:
    """What the user would type for it. Of content the key alone is left: its infohash."""
    key, what = MAINLINE_SPACE.to_bytes(promise.key), promise.what
    if isinstance(what, Provider):
        return str(names.torrent(key))
    if what is None or not what.signer:
        return str(names.item_of(key))
    return str(names.name(what.signer, what.salt))


def _what(what: Content | None) -> str:
    if isinstance(what, Provider):
        port = _port(what)
        return f"provided on port {port}" if port else "provided on the node's port"
    if what is None or not what.signer:
        return "a value" if what is None else f"a value, {count(len(what.value), 'byte')} bencoded"
    return f"version {what.seq}"


def _port(what: Provider) -> int:
    """The port of a provider; 0 for that of the node itself."""
    match what.endpoint:
        case (_, int(port)):
            return port
        case _:
            return 0
