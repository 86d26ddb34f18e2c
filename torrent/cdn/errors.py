"""What can go wrong with a name, each with what is known all the same.

All are :class:`~torrent.errors.TorrentError`. That there is no network at all is no matter of a
name: :class:`~dht.errors.NoNetwork` passes through as the node raised it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torrent.errors import TorrentError

if TYPE_CHECKING:
    from dht.core.effects import Evidence
    from torrent.cdn.name import Name, Version


class NamingError(TorrentError):
    """Abstract: a name did not lead to a torrent.

    Attributes:
        name: Which.
        seen: The newest version known from before. It was signed by the name's key and may well
            have living seeds: who can do with something old goes on with it.
        evidence: Whom we asked, and what they said; ``None`` if nobody was.
    """

    def __init__(
        self, name: Name, message: str, seen: Version | None, evidence: Evidence | None = None
    ) -> None:
        known = f"; version {seen.seq} is known from before" if seen is not None else ""
        super().__init__(f"{message}{known}")
        self.name = name
        self.seen = seen
        self.evidence = evidence


class UnknownNameError(NamingError):
    """Nobody who was asked holds a record of it."""

    def __init__(self, name: Name, seen: Version | None, evidence: Evidence) -> None:
        sure = "all closest answered" if evidence.complete else "which is no proof of absence"
        super().__init__(
            name,
            f"{name} leads nowhere: asked {evidence.asked} nodes, {evidence.answered} answered, "
            f"none had it, {sure}; it was never published, or nobody keeps it any more",
            seen,
            evidence,
        )


class ForgedNameError(NamingError):
    """Only false records came: signed by another key, or not signed rightly."""

    def __init__(self, name: Name, seen: Version | None, evidence: Evidence) -> None:
        super().__init__(
            name,
            f"{name}: {evidence.forged} of the records received were not signed by its key, and "
            "none was; somebody near it lies",
            seen,
            evidence,
        )


class RollbackError(NamingError):
    """The network offers less than was seen before: old records, replayed.

    Attributes:
        offered: The version that was refused.
    """

    def __init__(self, name: Name, offered: int | None, seen: Version) -> None:
        super().__init__(
            name,
            f"{name}: version {offered} was offered, older than what was seen before, and refused",
            seen,
        )
        self.offered = offered


class NoTorrentError(NamingError):
    """Its record is genuine, and is not one that leads to a torrent (BEP 46)."""

    def __init__(self, name: Name, seen: Version | None) -> None:
        super().__init__(
            name, f"{name} holds a value that leads to no torrent: `dhtctl get` shows it", seen
        )


class LostRaceError(NamingError):
    """Somebody else with the key published in between; nothing of ours was."""

    def __init__(self, name: Name, seen: Version | None, why: str) -> None:
        super().__init__(name, f"{name}: another version was published meanwhile ({why})", seen)


class SiteError(TorrentError):
    """What a name leads to, or what is to be published, cannot be had as files here."""
