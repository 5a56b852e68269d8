"""The withdrawal list, which is always signed.

It lists vectors that were found wrong, and certificates that no longer hold.
"""

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import Field

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reports.certification.certificate import WithdrawnVector
from nnc_conformance.storage import outputs
from nnc_conformance.storage.documents import Frozen, Sha256
from nnc_conformance.storage.inputs import read_regular
from nnc_conformance.storage.sealed import Sealed, SealError, canonical_text, open_sealed, seal
from nnc_conformance.storage.signing import Purpose

LIST_BYTES: Final = 1 << 26
"""The largest withdrawal list that is read, in bytes."""


class WithdrawnCertificate(Frozen):
    """A certificate that no longer holds, by the hash in its seal, with the reason."""

    sha256: Sha256
    reason: str = Field(min_length=1)


class WithdrawalsBody(Frozen):
    """The content of the list.

    ``serial`` rises with each edition, so that the later of two can be recognized.
    """

    format: Literal["nnc-withdrawals/1"] = "nnc-withdrawals/1"
    serial: int = Field(ge=1)
    date: datetime.date
    vectors: tuple[WithdrawnVector, ...] = ()
    certificates: tuple[WithdrawnCertificate, ...] = ()


class Withdrawals(Sealed[WithdrawalsBody]):
    """A withdrawal list with its seal."""

    @property
    def signer(self) -> str:
        """The public key that signed it."""
        if self.seal.signature is None:
            raise SealError("the withdrawal list is unsigned")
        return self.seal.signature.public_key

    @property
    def vectors(self) -> frozenset[tuple[str, int]]:
        """The withdrawn vectors, as (id, revision)."""
        return frozenset((entry.vector, entry.revision) for entry in self.body.vectors)


def load_withdrawals(path: Path) -> Withdrawals:
    """Read a signed list.

    Raise `SealError` if it is unsigned or was changed, `SignatureError` for a wrong signature.
    """
    try:
        data = read_regular(path, max_bytes=LIST_BYTES)
    except ModelError as error:
        raise SealError(f"{path}: {error}") from None
    sealed = open_sealed(data, Withdrawals, Purpose.WITHDRAWALS, str(path))
    found = Withdrawals(body=sealed.body, seal=sealed.seal)
    if found.seal.signature is None:
        raise SealError(f"{path} is unsigned; a withdrawal list must be signed")
    return found


def extend_withdrawals(
    path: Path,
    vectors: Iterable[WithdrawnVector],
    certificates: Iterable[WithdrawnCertificate],
    key: Ed25519PrivateKey,
    today: datetime.date,
) -> WithdrawalsBody:
    """Write the next edition of the list at ``path``.

    It has the old entries, if the list exists, and the given ones.

    Raises as `load_withdrawals`, and `OSError`.
    """
    old = load_withdrawals(path).body if path.exists() else None
    body = WithdrawalsBody(
        serial=old.serial + 1 if old is not None else 1,
        date=today,
        vectors=(*(old.vectors if old is not None else ()), *vectors),
        certificates=(*(old.certificates if old is not None else ()), *certificates),
    )
    outputs.write_text(path, canonical_text(seal(body, Purpose.WITHDRAWALS, key)))
    return body
