"""Sealed documents: canonical JSON of a body and its seal, so that a changed byte anywhere is found.

Only the canonical text is read: the same body and seal in any other spelling are refused. The seal holds the SHA-256 of the
body's canonical text and, where there was a key, a signature on it.
"""

from typing import Any, Generic, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ValidationError

from nnc_conformance.reference.errors import NNCError
from nnc_conformance.storage import signing
from nnc_conformance.storage.documents import Frozen, Sha256, canonical_json, sha256
from nnc_conformance.storage.validation import first_problem

Body = TypeVar("Body", bound=BaseModel)


class SealError(NNCError):
    """A document is not what was sealed."""


class Seal(Frozen):
    """The SHA-256 of the body's canonical text, and the signature on it (None: unsigned)."""

    sha256: Sha256
    signature: signing.Signature | None


class Sealed(Frozen, Generic[Body]):
    """A body and its seal."""

    body: Body
    seal: Seal


def canonical_text(model: BaseModel) -> str:
    """Returns the one text of a model."""
    value: Any = model.model_dump(mode="json")
    return canonical_json(value)


def seal(body: Body, purpose: signing.Purpose, key: Ed25519PrivateKey | None) -> Sealed[Body]:
    """Seals ``body``, signed where there is a key."""
    digest = sha256(canonical_text(body).encode())
    signature = signing.sign(purpose, digest, key) if key is not None else None
    return Sealed(body=body, seal=Seal(sha256=digest, signature=signature))


def open_sealed(data: bytes, model: type[Sealed[Body]], purpose: signing.Purpose, what: str) -> Sealed[Body]:
    """Reads a sealed document named ``what`` in errors.

    Raises `SealError` where it is unreadable, not canonical, or not what was sealed, `SignatureError` where the signature does not fit.
    """
    try:
        document = model.model_validate_json(data)
    except ValidationError as error:
        raise SealError(f"{what}: {first_problem(error)}") from None
    if canonical_text(document).encode() != data:
        raise SealError(f"{what} is not in its canonical form: it was changed, or written by something else")
    if sha256(canonical_text(document.body).encode()) != document.seal.sha256:
        raise SealError(f"{what} is not what was sealed: the hash of its body differs")
    if document.seal.signature is not None:
        signing.check(purpose, document.seal.sha256, document.seal.signature)
    return document
