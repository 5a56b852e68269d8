"""Ed25519 public keys for which anybody can sign, or that have several spellings, are refused
wherever keys come in.

The points of small order are those of "Taming the many EdDSAs" (Chalkias, Garillot and Nikolaenko,
2020, table 1: eight points, and the non-canonical encodings of them that exist); the tests derive
them again from the curve of RFC 8032, section 5.1.
"""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from nnc_conformance.storage.signing import Purpose, Signature, SignatureError, check, load_public_key, sign, statement

PRIME = 2**255 - 19
D = -121665 * pow(121666, -1, PRIME) % PRIME
SMALL_ORDER = {
    "0100000000000000000000000000000000000000000000000000000000000000": 1,
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": 2,
    "0000000000000000000000000000000000000000000000000000000000000000": 4,
    "0000000000000000000000000000000000000000000000000000000000000080": 4,
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05": 8,
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85": 8,
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a": 8,
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa": 8,
}
"""Each point's order by its canonical encoding."""
NEGATIVE_ZERO = (
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
)
"""x is 0 and its sign set."""
UNREDUCED = tuple((PRIME + excess | sign << 255).to_bytes(32, "little").hex() for excess in range(19) for sign in (0, 1))
"""y is not below the prime: all encodings of that kind."""
DIGEST = "ab" * 32


def pem(digits: str) -> bytes:
    data = bytes.fromhex("302a300506032b6570032100" + digits)
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(data) + b"\n-----END PUBLIC KEY-----\n"


def added(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    """Add two points: RFC 8032, 5.1.4, in affine coordinates."""
    (x1, y1), (x2, y2) = a, b
    cross = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + cross, -1, PRIME)
    y = (y1 * y2 + x1 * x2) * pow(1 - cross, -1, PRIME)
    return x % PRIME, y % PRIME


def decoded(digits: str) -> tuple[int, int]:
    """Decode a point: RFC 8032, 5.1.3."""
    number = int.from_bytes(bytes.fromhex(digits), "little")
    y, sign = number % 2**255, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if x * x % PRIME != square:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    assert x * x % PRIME == square
    return (PRIME - x if x % 2 != sign else x), y


def test_the_points_are_the_whole_torsion_group() -> None:
    points = {decoded(digits): order for digits, order in SMALL_ORDER.items()}
    assert len(points) == 8
    for point, order in points.items():
        multiples = [point]
        while multiples[-1] != (0, 1):
            multiples.append(added(multiples[-1], point))
        assert len(multiples) == order
        assert set(multiples) <= points.keys()


@pytest.mark.parametrize("digits", [*SMALL_ORDER, *NEGATIVE_ZERO, *UNREDUCED])
def test_a_key_for_which_anybody_can_sign_is_refused_everywhere(tmp_path: Path, digits: str) -> None:
    (tmp_path / "key.pub").write_bytes(pem(digits))
    with pytest.raises(SignatureError, match=r"small order|canonical"):
        load_public_key(tmp_path / "key.pub")
    with pytest.raises(SignatureError, match=r"small order|canonical"):
        check(Purpose.PACKAGE, DIGEST, Signature(public_key=digits, value=digits + "00" * 32))


def test_what_is_no_point_is_refused() -> None:
    with pytest.raises(SignatureError, match="not a point of the curve"):
        check(Purpose.PACKAGE, DIGEST, Signature(public_key="02" + "00" * 31, value="00" * 64))


def test_the_library_alone_accepts_one_signature_for_every_text() -> None:
    """So that the check is needed: the neutral point is a key that has signed everything."""
    neutral = bytes.fromhex("01" + "00" * 31)
    key = Ed25519PublicKey.from_public_bytes(neutral)
    for text in (b"", b"anything", statement(Purpose.PACKAGE, DIGEST)):
        key.verify(neutral + bytes(32), text)


def test_honest_keys_are_accepted() -> None:
    for number in range(50):
        key = Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))
        check(Purpose.PACKAGE, DIGEST, sign(Purpose.PACKAGE, DIGEST, key))
