"""Makes inputs from good inputs.

Bytes are changed, taken out, doubled, put in or exchanged; some targets change by syntax.
"""

import copy
import hashlib
import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fuzzing.targets import joined, steps

from nnc_conformance.faults.diagnosis.mutations import Draws, mutated
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.storage.documents import canonical_json, sha256
from nnc_conformance.storage.signing import Purpose, sign
from nnc_conformance.storage.state_files import MAGIC

BYTES = (0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 192, 224, 254, 255)
TOKENS = (
    *(b"-1", b"0", b"1e999", b"NaN", b"null", b"true", b"{}", b"[]", b'""', b"9" * 40, b"9" * 4400, b"[" * 2000, b'{"a":' * 500),
    *(b"\xff\xfe", b"\xed\xa0\x80", b"\0" * 64, b"\xff" * 64, b"\x80" * 10, b"../", b"variable", b"shape = [", b"label = '", b" " * 500),
)
MOST_STEPS = 8
"""Streams of a session that the target can be given."""
MOST_STEP = (1 << 16) - 1
"""Bytes of a stream that the target can be given, but for the last."""
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
"""With which lists are signed."""


def _changed(data: bytearray, other: bytes, numbers: random.Random) -> None:
    """One change in place."""
    at = numbers.randrange(len(data) + 1)
    length = min(1 << numbers.randrange(8), len(data) - at)
    match numbers.randrange(9):
        case 0 | 1 if at < len(data):
            data[at] ^= 1 << numbers.randrange(8)
        case 2 | 3 if at < len(data):
            data[at] = numbers.choice(BYTES)
        case 4:
            del data[at : at + length]
        case 5:
            data[at:at] = data[at : at + length]
        case 6:
            data[at:at] = numbers.choice(TOKENS) if numbers.randrange(4) == 0 else numbers.randbytes(length)
        case 7:
            start = numbers.randrange(len(other) + 1)
            data[at:] = other[start:]
        case _:
            del data[at:]


def by_bytes(seeds: tuple[bytes, ...], numbers: random.Random) -> bytes:
    """An input with one to eight changes."""
    data = bytearray(numbers.choice(seeds))
    for _ in range(1 << numbers.randrange(4)):
        _changed(data, numbers.choice(seeds), numbers)
    return bytes(data)


def by_stream(seeds: tuple[bytes, ...], numbers: random.Random) -> bytes:
    """A stream changed by its syntax."""
    stream, other = numbers.choice(seeds), numbers.choice(seeds)
    return stream[:1] + mutated(stream[1:], other[1:], Draws(Numbers(numbers.getrandbits(32), "fuzz")))


def by_session(seeds: tuple[bytes, ...], numbers: random.Random) -> bytes:
    """A session with one stream changed by its syntax, taken out, doubled, or taken from another
    session.
    """
    lenient, streams = steps(numbers.choice(seeds))
    _, others = steps(numbers.choice(seeds))
    at = numbers.randrange(len(streams))
    match numbers.randrange(6):
        case 0 if len(streams) > 1:
            del streams[at]
        case 1:
            streams.insert(at, streams[at])
        case 2:
            streams[at] = numbers.choice(others)
        case 3:
            numbers.shuffle(streams)
        case _:
            streams[at] = mutated(streams[at], numbers.choice(others), Draws(Numbers(numbers.getrandbits(32), "fuzz")))
    return joined([stream[:MOST_STEP] for stream in streams[:MOST_STEPS]], lenient=lenient)


VALUES: tuple[Any, ...] = (None, True, -1, 0, 1, 1 << 64, 1e300, "", "x" * 100, "\ud800", [], {}, [[]], "0" * 64)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a JSON value with each of its keys."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def by_json(seeds: tuple[bytes, ...], numbers: random.Random) -> bytes:
    """A JSON text with values changed, taken out or exchanged."""
    document = json.loads(numbers.choice([seed for seed in seeds if seed.startswith(b"{")]))
    for _ in range(1 << numbers.randrange(3)):
        places = list(_places(document))
        if not places:
            break
        (holder, key), (giver, given) = numbers.choice(places), numbers.choice(places)
        match numbers.randrange(3):
            case 0:
                holder[key] = copy.deepcopy(numbers.choice(VALUES))
            case 1:
                holder[key] = json.loads(json.dumps(giver[given]))
            case _:
                del holder[key]
    if numbers.randrange(4) == 0:
        return json.dumps(document).encode()
    return canonical_json(document).encode("utf-8", "surrogatepass")


def _sealed_again(made: bytes, signature: Callable[[str], Any]) -> bytes:
    """A sealed document whose seal is made good, so that what lies behind it is reached.

    ``signature`` of the body's digest.
    """
    try:
        document = json.loads(made)
        digest = sha256(canonical_json(document["body"]).encode())
        document["seal"] = {"sha256": digest, "signature": signature(digest)}
        return canonical_json(document).encode()
    except (ValueError, KeyError, TypeError):
        return made


def by_sealed(seeds: tuple[bytes, ...], numbers: random.Random) -> bytes:
    """An unsigned certificate with values changed and its seal made good."""
    return _sealed_again(by_json(seeds, numbers), lambda _: None)


def by_signed(seeds: tuple[bytes, ...], numbers: random.Random) -> bytes:
    """A withdrawal list with values changed, sealed and signed anew."""
    return _sealed_again(by_json(seeds, numbers), lambda digest: sign(Purpose.WITHDRAWALS, digest, KEY).model_dump(mode="json"))


def by_state(seeds: tuple[bytes, ...], numbers: random.Random) -> bytes:
    """A state file whose header or arrays are changed, and whose length and checksum are made good."""
    data = numbers.choice(seeds)
    start = len(MAGIC) + 8
    size = int.from_bytes(data[len(MAGIC) : start], "little")
    header, arrays = data[start : start + size], data[start + size : -32]
    header = by_json((header,), numbers)
    if numbers.randrange(4) == 0:
        arrays = by_bytes((arrays,), numbers)
    made = MAGIC + len(header).to_bytes(8, "little") + header + arrays
    return made + hashlib.sha256(made).digest()


def by_archive(seeds: tuple[bytes, ...], numbers: random.Random) -> bytes:
    """A zip archive with a member changed, and its checksum made good."""
    data = numbers.choice([seed for seed in seeds if seed.startswith(b"PK")])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = numbers.choice(list(members))
    change = by_json if members[name].startswith(b"{") else by_bytes
    members[name] = change((members[name],), numbers)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return made.getvalue()


def by_tar(seeds: tuple[bytes, ...], numbers: random.Random) -> bytes:
    """A tar archive with bytes of its headers changed, and their checksums made good."""
    data = bytearray(by_bytes(seeds, numbers) if numbers.randrange(4) == 0 else numbers.choice(seeds))
    blocks = range(0, len(data) - 511, 512)
    for _ in range(1 << numbers.randrange(4)):
        at = numbers.choice(blocks) if blocks else 0
        first = at + numbers.choice((numbers.randrange(512), 124, 156, 157))  # also size, type, and name of a link
        data[first : first + 1] = bytes([numbers.choice((*BYTES, *b"0127LKxgSV"))])
    for at in blocks:
        if data[at + 257 : at + 262] == b"ustar":
            total = sum(data[at : at + 148]) + 8 * 32 + sum(data[at + 156 : at + 512])
            data[at + 148 : at + 156] = b"%06o\0 " % total
    return bytes(data)


Mutation = Callable[[tuple[bytes, ...], random.Random], bytes]
MUTATIONS: dict[str, tuple[Mutation, ...]] = {
    "reader": (by_bytes, by_bytes, by_bytes, by_stream),
    "sessions": (by_bytes, by_session, by_session),
    "validated streams": (by_bytes, by_session),
    "signatures": (by_bytes, by_json),
    "shard indexes": (by_bytes, by_json),
    "results parser": (by_bytes, by_json),
    "certificate verify": (by_bytes, by_sealed),
    "withdrawals": (by_bytes, by_signed),
    "worker answers": (by_bytes, by_json),
    "Keras configurations": (by_bytes, by_json),
    "state files": (by_bytes, by_state),
    "PyTorch programs": (by_bytes, by_archive),
    "tensor files": (by_bytes, by_archive),
    "NNEF archives": (by_bytes, by_tar, by_tar),
}
"""Of each target in turn; of the others `by_bytes`."""


def inputs(target: str, seeds: tuple[bytes, ...], seed: int) -> Iterator[bytes]:
    """The inputs of a target, without end, the same for the same seed."""
    numbers = random.Random(f"{target}/{seed}")
    while True:
        for mutation in MUTATIONS.get(target, (by_bytes,)):
            yield mutation(seeds, numbers)
