"""The conversation of git with its remote helper (gitremote-helpers(7)): lines in, commands out.

Git writes a line at a time, and waits for an answer before the next; only ``fetch`` and ``push``
come in batches, which an empty line ends. An empty line where no batch is ends everything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

MAX_LINE: Final = 1 << 16
"""Bytes of a line: two names of refs, and some."""

CAPABILITIES: Final = (
    b"fetch",
    b"push",
    b"option",
    b"check-connectivity",
    b"object-format",
)


class HelperError(Exception):
    """Git said something that this protocol does not have."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What can the helper do?"""


@dataclass(frozen=True, slots=True)
class List:
    """Which refs are there?

    Attributes:
        for_push: Because some are to be pushed to.
    """

    for_push: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """How is it to be done?"""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """Have these objects here, and all that they lead to.

    Attributes:
        wants: Object ids, in hexadecimal.
    """

    wants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refspec:
    """One ref to be pushed.

    Attributes:
        source: What to, as git names commits; empty: the ref is to be deleted.
        target: The full name of the remote's ref.
        force: Though that loses commits.
    """

    source: bytes
    target: bytes
    force: bool = False


@dataclass(frozen=True, slots=True)
class Push:
    """Move these refs."""

    refspecs: tuple[Refspec, ...]


@dataclass(frozen=True, slots=True)
class End:
    """Git has heard enough."""


Command: TypeAlias = "Capabilities | List | Option | Fetch | Push | End"


@dataclass(slots=True)
class Conversation:
    """Reads what git says, line by line."""

    _fetching: list[str] = field(default_factory=list)
    _pushing: list[Refspec] = field(default_factory=list)

    def receive(self, line: bytes) -> Command | None:
        """Take one line, without its end; the command that is now complete, if one is.

        Raises:
            HelperError: It makes no sense.
        """
        word, _, rest = line.partition(b" ")
        if not line:
            return self._batch()
        if (self._fetching and word != b"fetch") or (self._pushing and word != b"push"):
            raise HelperError(f"{_shown(line)} in the middle of a batch")
        match word, rest:
            case b"capabilities", b"":
                return Capabilities()
            case b"list", b"" | b"for-push":
                return List(bool(rest))
            case b"option", _ if rest:
                name, _, value = rest.decode("utf-8", "surrogateescape").partition(" ")
                return Option(name, value)
            case b"fetch", _ if rest:
                self._fetching.append(rest.partition(b" ")[0].decode("ascii", "replace"))
            case b"push", _ if b":" in rest:
                source, _, target = rest.removeprefix(b"+").partition(b":")
                self._pushing.append(Refspec(source, target, rest.startswith(b"+")))
            case _:
                raise HelperError(f"{_shown(line)} is no command")
        return None

    def _batch(self) -> Command:
        if self._fetching:
            wants, self._fetching = tuple(self._fetching), []
            return Fetch(wants)
        if self._pushing:
            refspecs, self._pushing = tuple(self._pushing), []
            return Push(refspecs)
        return End()


def _shown(line: bytes) -> str:
    return repr(line[:200].decode("utf-8", "replace"))


def capabilities() -> bytes:
    """The answer to :class:`Capabilities`."""
    return b"".join(each + b"\n" for each in CAPABILITIES) + b"\n"


def listing(
    object_format: str, refs: dict[bytes, bytes], head: bytes, *, with_format: bool
) -> bytes:
    """The answer to :class:`List`."""
    lines = [b":object-format " + object_format.encode()] if with_format else []
    if head in refs:
        lines.append(b"@" + head + b" HEAD")
    lines += [oid.hex().encode() + b" " + name for name, oid in sorted(refs.items())]
    return b"".join(line + b"\n" for line in lines) + b"\n"
