"""Zip archives of strangers: bombs, lies about sizes, overlaps and doubles are refused before
memory is taken.
"""

import io
import struct
import tracemalloc
import zipfile

import pytest

from nnc_conformance.reference import zip_bounds
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.zip_bounds import opened_zip, read_member


def archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in members:
            file.writestr(name, data)
    return out.getvalue()


def unpacked(data: bytes) -> dict[str, bytes]:
    with opened_zip(data, "the archive") as opened:
        return {member.filename: read_member(opened, member) for member in opened.infolist()}


def claiming(data: bytes, size: int) -> bytes:
    """An archive of one member that states another unpacked size, in its own header and in the
    directory.
    """
    changed = bytearray(data)
    struct.pack_into("<I", changed, 22, size)
    struct.pack_into("<I", changed, changed.rindex(b"PK\x01\x02") + 24, size)
    return bytes(changed)


def test_a_good_archive_is_read() -> None:
    assert unpacked(archive(("a", b"aaa"), ("b", b""))) == {"a": b"aaa", "b": b""}


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_bounds, "FREE_BYTES", 1 << 16)
    with pytest.raises(ModelError, match=r"the archive has \d+ bytes and unpacks to 1048576: if you trust it, unpack it and save it"):
        unpacked(archive(("a", bytes(1 << 20))))
    assert len(unpacked(archive(("a", bytes(1 << 16))))["a"]) == 1 << 16


def test_a_claim_of_terabytes_is_refused() -> None:
    with pytest.raises(ModelError, match="unpacks to 4000000000"):
        unpacked(claiming(archive(("a", b"aaa")), 4_000_000_000))
    with pytest.raises(ModelError, match="bytes"), opened_zip(archive(("a", bytes(1001))), "the archive", max_bytes=1000):
        pass


def test_a_member_that_states_less_than_it_holds_takes_no_more_memory() -> None:
    data = claiming(archive(("a", bytes(100_000_000))), 100)
    tracemalloc.start()
    with pytest.raises(ModelError, match="CRC"):
        unpacked(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_members_that_overlap_are_refused() -> None:
    """Ten directory entries that all lead to the same data."""
    data = archive(("a", b"x" * 1000), method=zipfile.ZIP_STORED)
    start = data.rindex(b"PK\x01\x02")
    end = data.rindex(b"PK\x05\x06")
    entry = data[start:end]
    names = b"".join(entry.replace(b"a", b"%d" % digit) for digit in range(10))
    ending = bytearray(data[end:])
    struct.pack_into("<HHI", ending, 8, 10, 10, len(names))
    with pytest.raises(ModelError, match="overlap"):
        unpacked(data[:start] + names + bytes(ending))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_doubled_names_are_found_quickly() -> None:
    with pytest.raises(ModelError, match="has 'x' twice"):
        unpacked(archive(*((str(number), b"") for number in range(20_000)), ("x", b""), ("x", b""), method=zipfile.ZIP_STORED))


def test_other_compression_and_damage_are_refused() -> None:
    good = archive(("a", b"a" * 1000))
    for data in (archive(("a", b"a"), method=zipfile.ZIP_LZMA), b"", good[:-10], good.replace(b"PK\x03\x04", b"PK\x03\x05")):
        with pytest.raises(ModelError, match="the archive cannot be read"):
            unpacked(data)
