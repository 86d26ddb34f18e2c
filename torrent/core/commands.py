"""What the owner of a swarm can ask of it: the values that ``Swarm.command`` takes."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, TypeAlias

from dht.core.messages import message

if TYPE_CHECKING:
    from collections.abc import Mapping


@message
class Prioritise:
    """Say how much files and pieces are wanted: 0 not at all, 1 to 7 with rising urgency.

    A piece that several files share takes the highest of theirs. ``pieces`` are set after
    ``files`` and may contradict them. What is not named keeps its priority.
    """

    files: Mapping[int, int] = field(default_factory=dict)
    pieces: Mapping[int, int] = field(default_factory=dict)


@message
class Deadline:
    """Somebody waits for ``piece``: have it ``at`` this moment, or (None) never mind."""

    piece: int
    at: float | None


@message
class Sequential:
    """Fetch pieces in their order (``on``), or the rarest first."""

    on: bool


@message
class Pause:
    """Close every connection and let nobody in."""


@message
class Resume:
    """Take part again."""


@message
class Limits:
    """Change the limits named in :class:`~torrent.core.policy.SwarmPolicy`; None leaves one."""

    connections: int | None = None
    half_open: int | None = None
    upload_slots: int | None = None


Command: TypeAlias = Prioritise | Deadline | Sequential | Pause | Resume | Limits
