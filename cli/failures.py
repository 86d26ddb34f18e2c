"""The errors of the DHT as errors of a command: exit code, what was achieved, what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cli.errors import (
    AbsentError,
    CommandError,
    IntegrityError,
    PartialError,
    UnreachableError,
)
from cli.evidence import absence, count, facts, sentence
from dht import errors
from torrent.cdn.errors import (
    ForgedNameError,
    LostRaceError,
    NamingError,
    RollbackError,
    UnknownNameError,
)
from torrent.errors import MetainfoError, TorrentError

if TYPE_CHECKING:
    from dht.core.effects import Evidence

SHARE_AS_FILE: Final = (
    "share it as a file: seed a torrent of it, announce that with `dhtctl provide INFOHASH "
    "--port PORT`, and put its infohash here"
)
_ADVICE: Final = {
    205: SHARE_AS_FILE,
    206: "the signature is wrong: check the key and the salt",
    207: "choose a salt of at most 64 bytes",
    301: "somebody published in between: read it again, and retry with its sequence number",
    302: "the network holds a newer version: publish with a higher --seq, or leave that out",
}
_SHOWN: Final = 3


def translated(error: errors.DhtError | TorrentError) -> CommandError:  # noqa: PLR0911 - one each
    """Say it as the command line does."""
    match error:
        case MetainfoError():
            return IntegrityError(str(error), field=error.field, fault=error.fault)
        case NamingError():
            return _misled(error)
        case errors.NoNetwork():
            return _no_network(error)
        case errors.NotFound():
            return not_found("it", error.evidence)
        case errors.NoAnswer():
            return UnreachableError(
                f"{error.address} did not answer",
                achieved=sentence(error.evidence),
                hint="it may be down, behind a firewall, or throttling us",
                **facts(error.evidence),
            )
        case errors.Refused():
            return _refused(error)
        case errors.Unpublishable():
            return CommandError(
                str(error).partition(". ")[0], hint=_ADVICE.get(error.code, ""), bep_code=error.code
            )
        case errors.PartialStore():
            return _partial(error)
        case _:
            return CommandError(str(error))


def not_found(what: str, evidence: Evidence) -> CommandError:
    """Nobody has it: what that means depends on who was asked, and what they sent."""
    if evidence.forged:
        return IntegrityError(
            f"{count(evidence.forged, 'node')} sent something else than {what} stands for, "
            "and none the real thing",
            achieved=sentence(evidence),
            hint="somebody lies: search along disjoint paths with --paths 4",
            forged=evidence.forged,
            **facts(evidence),
        )
    if not evidence.complete:
        return UnreachableError(
            f"{what} was not found, but too few nodes answered to be sure",
            achieved=absence(evidence),
            hint="try again when the network is healthier; `dhtctl doctor` may know why",
            **facts(evidence),
        )
    return AbsentError(
        f"{what} not found",
        achieved=absence(evidence),
        hint="it was never published, or its publisher stopped renewing it",
        **facts(evidence),
    )


def _no_network(error: errors.NoNetwork) -> CommandError:
    if not error.tried:
        return UnreachableError(
            "no network: there is nobody to join through",
            hint="name a node of the network with --bootstrap HOST:PORT",
        )
    shown = ", ".join(error.tried[:_SHOWN])
    more = len(error.tried) - _SHOWN
    return UnreachableError(
        "no network: nobody answered",
        achieved=f"tried {shown}" + (f" and {more} more" if more > 0 else ""),
        hint="check the connection (UDP must pass the firewall), or join elsewhere with "
        "--bootstrap HOST:PORT",
        tried=list(error.tried),
    )


def _misled(error: NamingError) -> CommandError:
    """A name leads nowhere: absent, or somebody lies."""
    told = {} if error.evidence is None else facts(error.evidence)
    message = str(error)
    match error:
        case UnknownNameError():
            hint = "look whether it is typed rightly; its publisher may have stopped publishing"
            return AbsentError(message, hint=hint, **told)
        case ForgedNameError() | RollbackError():
            return IntegrityError(
                message, hint="try again later, from another network if you can", **told
            )
        case LostRaceError():
            return CommandError(message, hint="look at the new version, then publish again")
        case _:
            return CommandError(message)


def _refused(error: errors.Refused) -> CommandError:
    reasons = [refusal.reason for _, refusal in error.evidence.refusals]
    common = max(sorted(set(reasons)), key=reasons.count)
    return CommandError(
        f"refused by {count(len(reasons), 'node')}: {error.code} {common}",
        achieved=f"{sentence(error.evidence)}; {len(error.evidence.holders)} took it",
        hint=_ADVICE.get(error.code, "try again later"),
        bep_code=error.code,
        **facts(error.evidence),
    )


def _partial(error: errors.PartialStore) -> CommandError:
    stored = error.stored
    return PartialError(
        f"only {stored.copies} of the {error.wanted} copies wanted were stored",
        achieved=sentence(stored.evidence),
        hint="it can be found all the same; put it again before relying on it",
        copies=stored.copies,
        wanted=error.wanted,
        **facts(stored.evidence),
    )
