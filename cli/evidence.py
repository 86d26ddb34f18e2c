"""What an operation did, in words for people and in members for JSON.

Every network verb tells the same things the same way, so the words stand here once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dht.core.effects import Evidence


def sentence(evidence: Evidence) -> str:
    """Say how far it got: 'asked 37 nodes, 31 answered, 6 silent, in 0.42 s'."""
    parts = [f"asked {count(evidence.asked, 'node')}", f"{evidence.answered} answered"]
    if evidence.silent:
        parts.append(f"{evidence.silent} silent")
    if evidence.refusals:
        parts.append(f"{len(evidence.refusals)} refused")
    return f"{', '.join(parts)}, in {evidence.ended - evidence.started:.2f} s"


def absence(evidence: Evidence) -> str:
    """Say why it is believed that nobody has it, or why that is not known."""
    if evidence.complete:
        return f"{sentence(evidence)}; all {len(evidence.closest)} closest answered, none had it"
    return f"{sentence(evidence)}; too few of the closest answered to be sure"


def facts(evidence: Evidence) -> dict[str, Any]:
    """The same for programs."""
    return {
        "asked": evidence.asked,
        "answered": evidence.answered,
        "silent": evidence.silent,
        "refused": len(evidence.refusals),
        "holders": len(evidence.holders),
        "requests": evidence.requests,
        "complete": evidence.complete,
        "elapsed_s": round(evidence.ended - evidence.started, 3),
    }


def copies(number: int) -> str:
    """Count copies."""
    return f"{number} copy" if number == 1 else f"{number} copies"


def count(number: int, thing: str) -> str:
    """Count in English: '1 node', '2 nodes'; not for things whose plural is their own."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
