"""Records whose rules cost nothing to check, and records that nobody can check.

Real signatures cost 0.1 ms each and prove nothing that a study asks for. A stand-in does: a digest
that whoever holds the signer's name can make, and that the adversaries of a simulation do not.
:class:`OpenRecords` are what an application stores that signs nothing: any value under any key.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from dht.core.messages import Record, Refusal

if TYPE_CHECKING:
    from dht.core.keys import Key, KeySpace


class KeyedRecords:
    """Keys are digests: of the value, or of signer and salt where a record is signed.

    Refusals carry the codes of BEP 44.
    """

    def __init__(self, space: KeySpace) -> None:
        self._space = space

    def immutable(self, value: bytes) -> Record:
        """Make the record of ``value``."""
        return Record(self._key(value), value)

    def signed(self, value: bytes, seq: int, signer: bytes, salt: bytes = b"") -> Record:
        """Make the record ``signer`` publishes as version ``seq``."""
        key = self._key(signer, salt)
        return Record(key, value, seq, signer, salt, _signature(value, seq, signer, salt))

    def admit(self, record: Record) -> Refusal | None:
        """Whether the key belongs to the record."""
        of = (record.signer, record.salt) if record.signer else (record.value,)
        return None if record.key == self._key(*of) else Refusal(203, "the key is not its digest")

    def verify(self, record: Record) -> Refusal | None:
        """Whether the stand-in of a signature is right."""
        if not record.signer:
            return None
        right = _signature(record.value, record.seq or 0, record.signer, record.salt)
        return None if record.signature == right else Refusal(206, "the signature is not right")

    def supersede(self, held: Record, offered: Record, cas: int | None) -> Refusal | None:
        """BEP 44: a version takes the place of none that is newer, or as new and different."""
        if held.seq is None or offered.seq is None:
            return None
        if cas is not None and cas != held.seq:
            return Refusal(301, "another version is held")
        if (offered.seq, offered.value) == (held.seq, held.value) or offered.seq > held.seq:
            return None
        return Refusal(302, "the version held is newer")

    def better(self, one: Record, other: Record) -> bool:
        """The newer; of equal ones that whose value sorts later, so that all choose alike."""
        return (one.seq or 0, one.value) > (other.seq or 0, other.value)

    def _key(self, *parts: bytes) -> Key:
        digest = hashlib.sha256(b"\0".join(parts)).digest()
        return self._space.from_bytes(digest[: self._space.size])


class OpenRecords(KeyedRecords):
    """Anything may lie under any key: what readers get is what holders say.

    Records have versions, so that readers ask all holders and choose, as applications do.
    """

    def immutable(self, value: bytes) -> Record:
        """The first version of ``value``, under the key its digest would be."""
        return replace(super().immutable(value), seq=1)

    def admit(self, record: Record) -> Refusal | None:
        """Yes."""
        return None

    def verify(self, record: Record) -> Refusal | None:
        """Yes."""
        return None


def _signature(value: bytes, seq: int, signer: bytes, salt: bytes) -> bytes:
    return hashlib.sha256(b"\0".join((signer, salt, b"%d" % seq, value))).digest()[:16]
