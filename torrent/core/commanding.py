"""What our owner asks of a swarm: see :mod:`torrent.core.commands`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torrent.core import commands as do

if TYPE_CHECKING:
    from collections.abc import Callable

    from torrent.core.assembly import Assemblies
    from torrent.core.commands import Command
    from torrent.core.commons import Commons
    from torrent.core.fetching import Fetching
    from torrent.core.metainfo import File
    from torrent.core.serving import Serving


class Commander:
    """Carries commands out.

    What is wished before the torrent is known is kept, and holds once it is.
    """

    def __init__(
        self, commons: Commons, fetching: Fetching, serving: Serving, assemblies: Assemblies
    ) -> None:
        self.commons = commons
        self.fetching = fetching
        self.serving = serving
        self.assemblies = assemblies
        self._early: list[Command] = []
        self._files: dict[int, int] = {}
        self._doors: dict[type, Callable[..., None]] = {
            do.Prioritise: self._prioritise,
            do.Deadline: self._deadline,
            do.Sequential: self._sequential,
            do.Pause: self._pause,
            do.Resume: self._resume,
            do.Limits: self._limits,
        }

    def perform(self, command: Command, now: float) -> None:
        """Do what is asked."""
        self._doors[type(command)](command, now)

    def begin(self, now: float) -> None:
        """The torrent is known: do what could not be done before."""
        early, self._early = self._early, []
        for command in early:
            self.perform(command, now)

    def _prioritise(self, command: do.Prioritise, now: float) -> None:
        picker = self.commons.picker
        if picker is None:
            self._early.append(command)
            return
        was_done = self.commons.done
        for piece, priority in self._priorities(command).items():
            picker.set_priority(piece, priority)
        if was_done and not self.commons.done:
            self.commons.candidates.recall(now)
        for piece in self.assemblies.open.keys() - picker.open_pieces:
            self.fetching.call_off(piece, now)
        self.fetching.reconsider_all(now)

    def _priorities(self, command: do.Prioritise) -> dict[int, int]:
        """Priorities by piece: of several files that share one the highest counts."""
        self._files.update(command.files)
        found: dict[int, int] = {}
        for index in sorted(command.files):
            pieces = self._pieces_of(index)
            found.update(dict.fromkeys(pieces, command.files[index]))
            for piece in {pieces[0], pieces[-1]} if pieces else ():
                found[piece] = self._shared(piece)
        return found | dict(command.pieces)

    def _pieces_of(self, index: int) -> range:
        info = self.commons.torrent
        file = info.files[index]
        first = file.offset // info.piece_length
        return range(first, first if not file.length else self._last_of(file) + 1)

    def _last_of(self, file: File) -> int:
        return (file.offset + file.length - 1) // self.commons.torrent.piece_length

    def _shared(self, piece: int) -> int:
        """The priority of a piece that may hold the end of one file and the beginning of others."""
        info = self.commons.torrent
        spans = info.spans(piece * info.piece_length, info.piece_size(piece))
        wanted = [self._files.get(index, 1) for index, _, _ in spans if not info.files[index].pad]
        return max(wanted, default=0)  # A stranger's piece may be padding and nothing else.

    def _deadline(self, command: do.Deadline, now: float) -> None:
        if self.commons.picker is None:
            self._early.append(command)
        else:
            self.commons.picker.set_deadline(command.piece, command.at)
            self.fetching.pump(now)

    def _sequential(self, command: do.Sequential, now: float) -> None:
        if self.commons.picker is None:
            self._early.append(command)
        else:
            self.commons.picker.sequential = command.on

    def _pause(self, command: do.Pause, now: float) -> None:
        self.commons.paused = True
        for peer in list(self.commons.peers.values()):
            self.commons.close(peer, "the torrent is paused", now, useful=True)
        if self.commons.picker is not None:
            self.assemblies.drop(self.commons.picker)

    def _resume(self, command: do.Resume, now: float) -> None:
        self.commons.paused = self.commons.stuck = False
        if self.commons.picker is not None:
            self.fetching.pump(now)

    def _limits(self, command: do.Limits, now: float) -> None:
        policy = self.commons.policy
        if command.connections is not None:
            policy.connections = command.connections
            for peer in list(self.commons.peers.values())[command.connections :]:
                self.commons.close(peer, "there are enough connections", now, useful=True)
        if command.half_open is not None:
            policy.half_open = command.half_open
        if command.upload_slots is not None:
            policy.upload_slots = self.serving.choker.slots = command.upload_slots
