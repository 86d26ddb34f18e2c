"""Kill processes that put over one state directory, again and again; tell what they printed.

Run as a program: ``crash_rig.py STATE KILLS SEED`` with ``DHTCTL_BOOTSTRAP`` set. Three writers run
``dhtctl put`` one after the other through the program's own entry point, values and versions of
one name in turn; one of them (or all at once) ends with SIGKILL at a drawn moment. What counts is
what they printed, on a pipe that outlives them. Writers are forked, because a fresh interpreter for
each kill would take half a minute more and test the same; this process never opens the state.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import select
import signal
import sys
from random import Random
from typing import Any

import cli.actions.put
import cli.keys
import cli.loop
from cli.main import main

WRITERS = 3
FORK: Any = multiprocessing.get_context("fork")
assert cli.actions.put.run, "imported before forking, so that no writer has to"
assert cli.keys.open_key
assert cli.loop.drive


def write(number: int, pipe: int) -> None:
    """Put without end; standard output is the pipe, complaints go nowhere."""
    os.dup2(pipe, 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    for turn in range(10**6):
        named = ("--name", "all") if turn % 3 == 1 else ()
        code = main(("put", "--json", "--value", f"{number}.{turn}", *named))
        # Another writer may have been first with the next version of the name.
        if code and not named:
            os._exit(code)


class Writer:
    """A writing process, and the part of its output that is no whole line yet."""

    def __init__(self, number: int) -> None:
        self.reading, writing = os.pipe()
        self.rest = b""
        self.process = FORK.Process(target=write, args=(number, writing))
        self.process.start()
        os.close(writing)

    def hear(self) -> list[dict[str, Any]]:
        """What it printed since; nothing if that is over."""
        data = os.read(self.reading, 65536)
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def kill(self) -> list[dict[str, Any]]:
        """End it; what it still had printed."""
        self.process.kill()
        self.process.join()
        if self.process.exitcode != -signal.SIGKILL:
            raise SystemExit(f"a writer ended by itself: {self.process.exitcode}")
        told = self.hear()
        while more := self.hear():
            told += more
        os.close(self.reading)
        return told


def run(kills: int, rng: Random) -> dict[str, Any]:
    """Kill so many times; what was printed, and by how many writers."""
    printed: list[dict[str, Any]] = []
    writers: list[Writer] = []
    made = 0
    for _ in range(kills):
        while len(writers) < WRITERS:
            made += 1
            writers.append(Writer(made))
        enough = len(printed) + rng.choice([0, 1, 2, 4])
        while len(printed) < enough:
            for writer in writers:
                if select.select([writer.reading], [], [], 0.01)[0]:
                    printed += writer.hear()
        # Any moment of a put, from starting to leaving. Nobody is waited for here.
        select.select([], [], [], rng.uniform(0, 0.15))
        victims = list(writers) if rng.random() < 0.2 else [rng.choice(writers)]
        for victim in victims:
            printed += victim.kill()
        writers = [writer for writer in writers if writer not in victims]
    for writer in writers:
        printed += writer.kill()
    return {"writers": made, "printed": printed}


if __name__ == "__main__":
    os.environ["DHTCTL_STATE"] = sys.argv[1]
    print(json.dumps(run(int(sys.argv[2]), Random(int(sys.argv[3])))))
