"""What loopback cannot prove, proved on the real Mainline network: ``make live``.

Two nodes of ours, which know nothing of each other, join the public network; what one of them
stores the other must find. It talks to the internet, so it says what it will do and asks first.
"""

from __future__ import annotations

import secrets
import sys
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, TypeVar

import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dht import DhtError, Node

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")

PLAN = """\
This joins the public BitTorrent DHT through well-known bootstrap nodes, as any torrent client does.
It will, with two short-lived nodes of this machine:
  - send a few hundred small UDP packets to strangers, who learn this machine's address;
  - store one random value of 40 bytes and one signed value, which are forgotten within hours;
  - announce one random infohash under this machine's address, forgotten within the hour.
Nothing of yours is published."""
PATIENCE = 60.0


async def step(what: str, action: Awaitable[T]) -> T:
    """Await ``action``; say how long it took."""
    start = time.monotonic()
    with trio.fail_after(PATIENCE):
        result = await action
    print(f"  ok {time.monotonic() - start:6.2f} s  {what}", flush=True)
    return result


async def prove() -> None:
    """Join, store, find; each step raises if it is not so."""
    async with AsyncExitStack() as stack:
        writer, reader = [await stack.enter_async_context(Node(mode="client")) for _ in range(2)]
        await step("the writer joins", writer.wait_ready())
        await step("the reader joins", reader.wait_ready())
        value, signer = secrets.token_bytes(40), Ed25519PrivateKey.generate()
        stored = await writer.put(value)
        found = await step("a value is found by the other", reader.get(stored.key))
        assert found.value == value, "another value came back"
        print(
            f"       it has {stored.copies} copies; {stored.evidence.requests} requests to put it"
        )
        for text in (b"first", b"second"):
            await step(f"a name is set to {text!r}", writer.publish(signer, text))
        named = await step(
            "the name is read by the other", reader.resolve(signer.public_key().public_bytes_raw())
        )
        assert named.value == b"second", "an old version came back"
        infohash = secrets.token_bytes(20)
        await step("an infohash is announced", writer.provide(infohash, 6881))
        with trio.fail_after(PATIENCE):
            async for provider in reader.find_providers(infohash):
                print(f"  ok           the other finds it at {provider.endpoint}")
                break
        statistics = reader.statistics()
        print(f"  we are seen at {statistics.external}; about {statistics.size_estimate} nodes")


def main() -> int:
    """Explain, ask, prove."""
    print(PLAN)
    if not sys.stdin.isatty():
        print("live: needs a terminal to ask on; nothing was sent", file=sys.stderr)
        return 2
    if input("Go on? [y/N] ").strip().lower() not in {"y", "yes"}:
        return 2
    try:
        trio.run(prove)
    except (DhtError, trio.TooSlowError, AssertionError) as error:
        print(f"  FAILED  {error or 'too slow'}\nhint: `dhtctl doctor` looks for the cause")
        return 1
    print("all of it holds on the real network")
    return 0


if __name__ == "__main__":
    sys.exit(main())
