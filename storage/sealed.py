"""Sealed documents: canonical JSON of a body and its seal.

Any changed byte is detected.

The seal holds the SHA-256 of the body's canonical text and, if there was a key, a signature on it.
Only the canonical text is accepted: the same body and seal in any other spelling are refused.
"""

from typing import Any, Generic, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ValidationError

from nnc_conformance.reference.errors import NNCError
from nnc_conformance.storage import signing
from nnc_conformance.storage.documents import Frozen, Sha256, canonical_json, first_problem, sha256

Body = TypeVar("Body", bound=BaseModel)


class SealError(NNCError):
    """A document was changed after it was sealed, or cannot be read."""


class Seal(Frozen):
    """The SHA-256 of the body's canonical text, and the signature on it (None: unsigned)."""

    sha256: Sha256
    signature: signing.Signature | None


class Sealed(Frozen, Generic[Body]):
    """A body and its seal."""

    body: Body
    seal: Seal


def canonical_text(model: BaseModel) -> str:
    """Return the canonical JSON text of a model."""
    value: Any = model.model_dump(mode="json")
    return canonical_json(value)


def seal(body: Body, purpose: signing.Purpose, key: Ed25519PrivateKey | None) -> Sealed[Body]:
    """Return ``body`` with its seal: the SHA-256 of its canonical JSON, and a signature of that.

    Args:
        body: The content.
        purpose: Kind of document, part of what is signed.
        key: The private key; None leaves the document unsigned.
    """
    digest = sha256(canonical_text(body).encode())
    signature = signing.sign(purpose, digest, key) if key is not None else None
    return Sealed(body=body, seal=Seal(sha256=digest, signature=signature))


def open_sealed(data: bytes, model: type[Sealed[Body]], purpose: signing.Purpose, what: str) -> Sealed[Body]:
    """Read a sealed document; errors call it ``what``.

    Raises `SealError` if it is unreadable, not canonical, or changed, `SignatureError` for a wrong
    signature.
    """
    try:
        document = model.model_validate_json(data)
    except ValidationError as error:
        raise SealError(f"{what}: {first_problem(error)}") from None
    if canonical_text(document).encode() != data:
        raise SealError(f"{what} is not in canonical form: it was changed, or written by another program")
    if sha256(canonical_text(document.body).encode()) != document.seal.sha256:
        raise SealError(f"{what} is not what was sealed: the hash of its body differs")
    if document.seal.signature is not None:
        signing.check(purpose, document.seal.sha256, document.seal.signature)
    return document
