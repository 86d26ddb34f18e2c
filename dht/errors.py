"""What can go wrong for a user of the DHT, under one abstract base.

Every message answers three questions: whose fault it is, what was achieved nevertheless, and what
to do next. The evidence of the operation travels with the error, so that a program can decide for
itself. Network input never raises these: a malformed datagram is dropped, not reported. Anything
that escapes from this package and is not a :class:`DhtError` is our bug.
"""

# ruff: noqa: N818 - named as trio names its own: what happened, not that it is an error

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dht.core.effects import Evidence
    from dht.core.messages import Refusal
    from dht.node.results import Stored


_SHOWN: Final = 6
"""Addresses named in a message; the rest are in the attribute."""


class DhtError(Exception):
    """Abstract base of everything this package raises on purpose."""


class NodeClosed(DhtError):
    """The node is not running: it was never entered, or it was closed meanwhile."""

    def __init__(self) -> None:
        super().__init__("this node is not running; use it inside `async with Node(...)`")


class ListenFailed(DhtError):
    """No socket could be opened at the addresses asked for."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(
            "cannot listen: "
            + "; ".join(reasons)
            + ". Choose another address or port (0 lets the system choose)"
        )
        self.reasons = tuple(reasons)


class NoNetwork(DhtError):
    """Nobody answered us at all: there is no network to ask.

    Attributes:
        tried: The places we tried to join through.
    """

    def __init__(self, tried: Sequence[str]) -> None:
        if tried:
            shown = ", ".join(tried[:_SHOWN]) + (" and others" if len(tried) > _SHOWN else "")
            what = f"nobody answered: tried {shown}"
            todo = "check the connection and the firewall (UDP must pass), or bootstrap elsewhere"
        else:
            what = "this node knows nobody: it has no saved contacts and no bootstrap address"
            todo = "give it at least one bootstrap address"
        super().__init__(f"no network: {what}. To do: {todo}")
        self.tried = tuple(tried)


class NoAnswer(DhtError):
    """One particular node left a request unanswered.

    Attributes:
        address: Who was asked.
        evidence: What was done.
    """

    def __init__(self, address: str, evidence: Evidence) -> None:
        super().__init__(
            f"{address} did not answer within {evidence.ended - evidence.started:.1f} s; "
            "it may be down, behind a firewall, or throttling us"
        )
        self.address = address
        self.evidence = evidence


class NotFound(DhtError):
    """The lookup ran its course and nobody had it.

    Attributes:
        evidence: Whom we asked and how they answered; ``evidence.complete`` tells whether
            this is absence (the closest live nodes all answered) or a lookup cut short.
    """

    def __init__(self, what: str, evidence: Evidence) -> None:
        closest = len(evidence.closest)
        if evidence.complete:
            verdict = f"all {closest} closest answered, none had it"
            todo = "it was never published, or its publisher stopped renewing it"
        else:
            verdict = f"only {evidence.answered} answered before we ran out of nodes"
            todo = "this is not proof of absence: try again when the network is healthier"
        super().__init__(f"{what} not found: asked {evidence.asked} nodes, {verdict}; {todo}")
        self.evidence = evidence


class Refused(DhtError):
    """Nodes answered and declined: the network works, the request does not.

    Attributes:
        code: The commonest code among the refusals (BEP 5's and BEP 44's).
        evidence: Whom we asked; ``evidence.refusals`` has each refusal.
    """

    def __init__(self, evidence: Evidence) -> None:
        reasons = [f"{r.code} {r.reason}" for _, r in evidence.refusals]
        common = max(sorted(set(reasons)), key=reasons.count)
        codes = [r.code for _, r in evidence.refusals]
        self.code = max(sorted(set(codes)), key=codes.count)
        self.evidence = evidence
        took = f"{len(evidence.holders)} took it" if evidence.holders else "nobody took it"
        super().__init__(
            f"refused by {len(reasons)} nodes, {took}: {common}" + _ADVICE.get(self.code, "")
        )


_ADVICE = {
    205: ". Values are limited to 1000 bytes: share it as a file and publish where that is",
    206: ". The signature is wrong; check the key and the salt",
    207: ". The salt is longer than 64 bytes",
    301: ". Somebody published in between; read it again and retry with its sequence number",
    302: ". The network holds a newer version; publish with a higher sequence number",
}


class Unpublishable(DhtError):
    """What was to be published breaks the rules of the network; nothing was sent.

    Attributes:
        code: The error code that every node would have answered with (BEP 44).
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(
            f"no node would take this: {refusal.reason}{_ADVICE.get(refusal.code, '')}"
        )
        self.code = refusal.code


class PartialStore(DhtError):
    """Fewer nodes took it than were asked for; it is stored all the same.

    Attributes:
        stored: What was achieved.
        wanted: How many copies were wanted.
    """

    def __init__(self, stored: Stored, wanted: int) -> None:
        super().__init__(
            f"only {stored.copies} of the {wanted} copies wanted were stored under "
            f"{stored.key.hex()}; it can be found, but put it again before relying on it"
        )
        self.stored = stored
        self.wanted = wanted
