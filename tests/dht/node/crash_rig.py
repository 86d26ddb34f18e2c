"""Kill writers of one state directory, again and again, and look at what they left.

Run as a program: ``crash_rig.py DIRECTORY KILLS SEED``. It keeps three writers going, ends one of
them (or all at once) with SIGKILL at a drawn moment, looks at the database, and starts others in
their place, until it has killed KILLS times. What it found goes to stdout as one line of JSON.

A writer says on its pipe what it has promised, only after ``promise`` has returned. That is all
the rig believes: of everything said, nothing may be missing afterwards. The writers are processes
forked from this small one, which never has the database open while it forks; starting 100 fresh
interpreters would take half a minute and test the same.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import select
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from dht.core.effects import Held
from dht.core.keys import Key
from dht.core.messages import Record
from dht.node.promises import StalePromiseError
from dht.node.state import State

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = "mainline"
NAME = Key(1)
"""One name that all writers update."""
WITHDRAWN = 2**64
"""Keys from here on are promised and then forgotten."""
WRITERS = 3
FORK: Any = multiprocessing.get_context("fork")


def write(directory: str, number: int, pipe: int) -> None:
    """Promise, update and forget without end; say each thing once it is done."""
    with State.open(directory) as state:
        for turn in range(10**6):
            key = Key(number * 10**6 + turn + 2)
            record = Record(key, b"%d" % key * 40)
            state.apply(NETWORK, "ipv4", [Held(record, 0.0)], lambda at: at)
            state.promise(NETWORK, key, record, 0.0)
            say(pipe, "promised", key)
            if turn % 3 == 1:
                say(pipe, "named", update(state))
            if turn % 4 == 1:
                state.promise(NETWORK, Key(key + WITHDRAWN), Record(Key(key + WITHDRAWN), b""), 0.0)
                state.withdraw(NETWORK, Key(key + WITHDRAWN), 0.0)
                say(pipe, "withdrawn", key + WITHDRAWN)


def update(state: State) -> int:
    """Promise the next version of the name, whoever else does the same."""
    for _ in range(1000):
        seq = (state.last_seq(NETWORK, NAME) or 0) + 1
        with suppress(StalePromiseError):
            state.promise(NETWORK, NAME, Record(NAME, b"v%d" % seq, seq, b"P", b"", b"S"), 0.0)
            return seq
    raise SystemExit("the name stands at a version that last_seq does not know")


def say(pipe: int, what: str, number: int) -> None:
    """One short write to a pipe arrives whole or not at all."""
    os.write(pipe, f"{what} {number}\n".encode())


@dataclass
class Writer:
    """A writing process and what it has said."""

    process: Any
    pipe: int


@dataclass
class Said:
    """Everything any writer ever said."""

    promised: set[int] = field(default_factory=set)
    withdrawn: set[int] = field(default_factory=set)
    named: int = 0

    def note(self, text: str) -> None:
        for line in text.splitlines():
            what, number = line.split()
            if what == "named":
                self.named = max(self.named, int(number))
            else:
                getattr(self, what).add(int(number))


def start(directory: str, number: int) -> Writer:
    reading, writing = os.pipe()
    process = FORK.Process(target=write, args=(directory, number, writing))
    process.start()
    os.close(writing)
    return Writer(process, reading)


def listen(writers: list[Writer], said: Said, rng: Random) -> None:
    """Until a drawn number of things was said and a drawn time passed: the moment to kill.

    The first makes sure that there is something to lose, the second that the kill falls anywhere
    in a transaction. Nought things and a short time is a kill while the database is opened.
    """
    enough, left = rng.choice([0, 1, 5, 10]), rng.uniform(0, 0.006)
    heard = 0
    while heard < enough:
        for pipe in select.select([writer.pipe for writer in writers], [], [])[0]:
            text = os.read(pipe, 65536).decode()
            if not text:
                raise SystemExit("a writer ended by itself")
            said.note(text)
            heard += text.count("\n")
    end = time.perf_counter() + left
    while time.perf_counter() < end:
        pass


def kill(writers: list[Writer], said: Said) -> None:
    """End them all before waiting for any; then hear what they still said."""
    for writer in writers:
        writer.process.kill()
    for writer in writers:
        writer.process.join()
        if writer.process.exitcode != -signal.SIGKILL:
            raise SystemExit(f"a writer ended by itself: {writer.process.exitcode}")
        while text := os.read(writer.pipe, 65536).decode():
            said.note(text)
        os.close(writer.pipe)


def missing(directory: str | Path, said: Said) -> list[str]:
    """What was said and is not so."""
    with State.open(directory) as state:
        state.check()
        highest = state.last_seq(NETWORK, NAME) or 0
        # Read later than that: writers that were spared go on meanwhile.
        promises = {promise.key: promise for promise in state.promises(NETWORK)}
        held = {item.record.key for item in state.load_records(NETWORK, "ipv4", lambda at: at)}
        wrong = [f"{key} is not promised" for key in said.promised if key not in promises]
        wrong += [f"{key} is not held" for key in said.promised if key not in held]
        wrong += [f"{key} is promised still" for key in said.withdrawn if key in promises]
        if highest < said.named:
            wrong.append(f"the name is at {highest}, said was {said.named}")
        if said.named:
            name = promises[NAME].what
            if not isinstance(name, Record) or (name.seq or 0) < highest:
                wrong.append(f"the name is promised as {name}")
        return wrong


def run(directory: str, kills: int, seed: int) -> dict[str, Any]:
    rng, said, number = Random(seed), Said(), 0
    writers: list[Writer] = []
    wrong: list[str] = []
    for _ in range(kills):
        while len(writers) < WRITERS:
            number += 1
            writers.append(start(directory, number))
        listen(writers, said, rng)
        victims = writers if rng.random() < 0.3 else [rng.choice(writers)]
        kill(victims, said)
        writers = [writer for writer in writers if writer not in victims]
        wrong += missing(directory, said)
    kill(writers, said)
    wrong += missing(directory, said)
    return {
        "writers": number,
        "wrong": wrong,
        "promised": sorted(said.promised),
        "withdrawn": sorted(said.withdrawn),
        "named": said.named,
    }


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
