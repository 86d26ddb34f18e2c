"""Git's remote helper: what git asks, answered from the DHT and its peers.

Git waits for each answer. The node and the session begin with the first question that needs them,
and live until git has heard enough; so ``list`` and ``fetch`` share connections.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from cli import loop, settings
from cli.context import Context
from cli.errors import CommandError, ExitCode
from cli.git.remoting import Remote
from cli.keys import explained, read_address
from cli.output import Output
from dht.names import Reading
from torrent.cdn.name import Name
from torrent.git.core import helper
from torrent.git.core.helper import (
    Capabilities,
    Conversation,
    End,
    Fetch,
    HelperError,
    List,
    Option,
    Push,
)
from torrent.git.program import Git

if TYPE_CHECKING:
    from argparse import Namespace

    from torrent.git.core.helper import Command

_SCHEME: Final = "dht://"
_UNSHALLOW: Final = ("depth", "deepen-since", "deepen-not", "deepen-relative", "update-shallow")
_WHOLE: Final = ("0", "false")
"""All of it: what git says when it comes back for the tags of what it fetched."""


def converse(args: Namespace, directory: str | None) -> int:
    """Talk with git until it has heard enough.

    Args:
        args: The URL.
        directory: The repository that git works on; ``None`` if on none.

    Raises:
        CommandError: It cannot be done.
    """
    out = Output()
    context = Context(args, settings.resolve({}), out)
    git = None if directory is None else Git(Path(directory).absolute())
    return loop.drive(_converse(context, git), context)


async def _converse(context: Context, git: Git | None) -> ExitCode:
    async with AsyncExitStack() as stack:
        if git is None:
            git = Git(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dhtctl-"))))
            await git.run("init", "-q", "--bare")
        talk = Talk(context, git, _name(context), stack)
        conversation = Conversation()
        while True:
            line = await trio.to_thread.run_sync(_line, abandon_on_cancel=True)
            if line is None:
                return ExitCode.DONE
            command = _heard(conversation, line)
            if isinstance(command, End):
                return ExitCode.DONE
            if command is not None:
                await trio.to_thread.run_sync(_answer, await talk.answer(command))


def _heard(conversation: Conversation, line: bytes) -> Command | None:
    try:
        return conversation.receive(line)
    except HelperError as problem:
        raise CommandError(f"git said something unexpected: {problem}") from problem


def _name(context: Context) -> Name:
    """The name in the URL, with or without what git leaves of the scheme."""
    text = context.args.url.removeprefix(_SCHEME).rstrip("/")
    with explained():
        return Name.of(read_address(context, text, (Reading.KEY,)))


def _line() -> bytes | None:
    """The next line; ``None`` if git went away."""
    line = sys.stdin.buffer.readline(helper.MAX_LINE)
    if not line.endswith(b"\n"):
        return None
    return line[:-1]


def _answer(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


class Talk:
    """Answers commands."""

    def __init__(self, context: Context, git: Git, name: Name, stack: AsyncExitStack) -> None:
        self._context = context
        self._git = git
        self._name = name
        self._stack = stack
        self._remote: Remote | None = None
        self._with_format = False
        self._checked = False
        self._dry = False
        self._atomic = False

    async def answer(self, command: Command) -> bytes:
        """What is to be said to a command.

        Raises:
            CommandError: It cannot be done.
        """
        match command:
            case Capabilities():
                return helper.capabilities()
            case Option(name, value):
                return self._option(name, value) + b"\n"
            case List(for_push):
                return await self._list(for_push=for_push)
            case Fetch():
                return await self._fetch()
            case Push(refspecs):
                remote = await self._opened()
                return await remote.push(refspecs, dry=self._dry, atomic=self._atomic)
            case _:
                raise AssertionError(command)

    def _option(self, name: str, value: str) -> bytes:
        if name in _UNSHALLOW and value not in _WHOLE:
            raise CommandError(
                f"--{name} is not possible over dht://: history comes in packs that are whole",
                hint="clone all of it; it is fetched once, from several peers",
            )
        match name:
            case "object-format":
                self._with_format = True
            case "check-connectivity":
                self._checked = value == "true"
            case "dry-run":
                self._dry = value == "true"
            case "atomic":
                self._atomic = value == "true"
            case "progress":
                self._context.out = Output(quiet=value != "true")
            case "verbosity":
                level = int(value) if value.lstrip("-").isdecimal() else 1
                if level < 1:
                    self._context.out = Output(quiet=True)
            case "followtags" | "cloning" | "from-promisor" | "force":
                pass
            case _:
                return b"unsupported"
        return b"ok"

    async def _opened(self) -> Remote:
        if self._remote is None:
            opened = Remote.open(self._context, self._git, self._name)
            self._remote = await self._stack.enter_async_context(opened)
        return self._remote

    async def _list(self, *, for_push: bool) -> bytes:
        remote = await self._opened()
        found = await remote.look(for_push=for_push)
        return helper.listing(
            found.object_format, dict(found.refs), found.head, with_format=self._with_format
        )

    async def _fetch(self) -> bytes:
        remote = await self._opened()
        kept = await remote.fetch()
        lines = [b"lock " + os.fsencode(path) for path in kept]
        if self._checked:
            lines.append(b"connectivity-ok")
        return b"".join(line + b"\n" for line in lines) + b"\n"
