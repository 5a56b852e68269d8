"""Ed25519 signatures on statements: the kind of document (`Purpose`) and its SHA-256.

Keys are OpenSSL's PEM files: ``openssl genpkey -algorithm ed25519 -out key.pem``, ``openssl pkey
-in key.pem -pubout -out key.pub``.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field

from nnc_conformance.reference.errors import ModelError, NNCError
from nnc_conformance.storage.documents import Frozen
from nnc_conformance.storage.inputs import read_regular

KEY_BYTES: Final = 1 << 16
"""Bytes of the largest key file that is read."""
_PRIME: Final = (1 << 255) - 19
"""The prime of the field of Curve25519."""
_D: Final = -121665 * pow(121666, -1, _PRIME) % _PRIME
"""The constant d of edwards25519: -x^2 + y^2 = 1 + d x^2 y^2."""
_ORDER_8: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
"""The y of two of the four points of order 8 on edwards25519; the other two have its negative."""
_SMALL_ORDER: Final = frozenset({0, 1, _PRIME - 1, _ORDER_8, _PRIME - _ORDER_8})
"""The y of the eight points whose order divides the cofactor 8.

Under such a key anybody can make signatures: "Taming the many EdDSAs" (Chalkias, Garillot and
Nikolaenko, 2020), section 3.
"""


class SignatureError(NNCError):
    """A key cannot be used, or a signature does not fit statement and key."""


class Purpose(StrEnum):
    """The kind of document signed, so that no signature can be moved to another kind."""

    PACKAGE = "nnc-package/1"
    CERTIFICATE = "nnc-certificate/1"
    WITHDRAWALS = "nnc-withdrawals/1"


PublicKey = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="the 32 bytes of an ed25519 public key, in hex digits")]


class Signature(Frozen):
    """A signature with the public key to check it with.

    Whether to trust that key is for the caller to decide.
    """

    algorithm: Literal["ed25519"] = "ed25519"
    public_key: PublicKey
    value: str = Field(pattern=r"^[0-9a-f]{128}$")


def statement(purpose: Purpose, sha256: str) -> bytes:
    """Return the bytes to sign: purpose, a blank, the hash in hex digits, a newline."""
    return f"{purpose.value} {sha256}\n".encode()


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Read an unencrypted private key in PEM form; raise `SignatureError`."""
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SignatureError(f"{path}: not an unencrypted private key in PEM form: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SignatureError(f"{path}: not an ed25519 key")
    return key


def load_public_key(path: Path) -> str:
    """Read a public key in PEM form as hex digits.

    Raise `SignatureError`, also for a key for which anybody can sign.
    """
    try:
        key = serialization.load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SignatureError(f"{path}: not a public key in PEM form: {error}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise SignatureError(f"{path}: not an ed25519 key")
    digits = key.public_bytes_raw().hex()
    _check_public_key(digits)
    return digits


def _check_public_key(digits: str) -> None:
    """Raise `SignatureError` unless 32 bytes are a sound public key.

    They must be the canonical encoding (RFC 8032, 5.1.3) of a point whose order is not small.
    """
    number = int.from_bytes(bytes.fromhex(digits), "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    if y >= _PRIME or (sign and y in (1, _PRIME - 1)):
        raise SignatureError(f"the ed25519 public key {digits} is not in its canonical encoding; ask its owner for the key")
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _PRIME) % _PRIME
    if pow(x_squared, (_PRIME - 1) // 2, _PRIME) not in (0, 1):
        raise SignatureError(f"the ed25519 public key {digits} is not a point of the curve")
    if y in _SMALL_ORDER:
        raise SignatureError(f"the ed25519 public key {digits} is a point of small order: anybody can sign for it")


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, max_bytes=KEY_BYTES)
    except ModelError as error:
        raise SignatureError(f"{path}: {error}") from None


def sign(purpose: Purpose, sha256: str, key: Ed25519PrivateKey) -> Signature:
    """Sign the statement that a document of ``purpose`` has this hash.

    Args:
        purpose: Kind of document, part of the statement.
        sha256: Hash of the document, in hex digits.
        key: The private key.

    Returns:
        The signature with its public key.
    """
    return Signature(public_key=key.public_key().public_bytes_raw().hex(), value=key.sign(statement(purpose, sha256)).hex())


def check(purpose: Purpose, sha256: str, signature: Signature) -> None:
    """Raise `SignatureError` unless the signature fits the statement and its own key.

    That key must be sound.
    """
    _check_public_key(signature.public_key)
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signature.public_key))
        key.verify(bytes.fromhex(signature.value), statement(purpose, sha256))
    except (InvalidSignature, ValueError):
        raise SignatureError(f"the signature does not fit the key {signature.public_key} and this {purpose.value}") from None
