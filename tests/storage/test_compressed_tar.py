"""Compressed tar archives that strangers made: bounded, read in time, and nothing lost without a
word.
"""

import gzip
import tarfile

import pytest
from fuzzing import volume

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.storage.compressed_tar import read_compressed_tar

END = bytes(1024)


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, size: bytes | None = None) -> bytes:
    """A header and its data; ``size`` stands in place of the true one."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(data)
    header = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    if size is not None:
        header[124:136] = size
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data + bytes(-len(data) % 512)


def binary(size: int) -> bytes:
    """A size in the form that begins with a set bit."""
    return bytes([255 if size < 0 else 128]) + size.to_bytes(11, "big", signed=True)


def records(**values: str) -> bytes:
    """A header of POSIX records."""
    body = b""
    for key, value in values.items():
        rest = f" {key}={value}\n".encode()
        body += b"%d" % (len(rest) + len(str(len(rest) + 2))) + rest
    return member("records", body, tarfile.XHDTYPE)


GRAPH = member("graph.nnef", b"abc")
HOSTILE = {
    "a negative size, which is read again and again (CVE-2025-8194)": GRAPH + member("x", size=binary(-512)) + GRAPH,
    "a negative size in a record": GRAPH + records(size="-2048") + GRAPH,
    "a size beyond the archive": member("x", size=binary(1 << 40)) + GRAPH,
    "a size beyond 64 bits": member("x", size=binary(1 << 80)) + GRAPH,
    "5000 long names of one file": member("x", b"a", tarfile.GNUTYPE_LONGNAME) * 5000 + GRAPH,
    "5000 records of one file": records(comment="b") * 5000 + GRAPH,
    "a sparse file": member("x", b"abc", tarfile.GNUTYPE_SPARSE),
    "a sparse file in records": records(**{"GNU.sparse.map": "0,9999999999999", "GNU.sparse.size": "9999999999999"}) + GRAPH,
    "two files of one name": GRAPH + member("./graph.nnef", b"other"),
}


@pytest.mark.parametrize("fault", HOSTILE)
def test_a_hostile_archive_is_refused_in_time(fault: str) -> None:
    data = gzip.compress(HOSTILE[fault] + END)
    with pytest.raises(ModelError, match="the archive"):
        read_compressed_tar(data, "the archive")
    assert volume.tried(lambda data: read_compressed_tar(data, "the archive"), data) == ""


def test_what_follows_the_end_is_not_lost_without_a_word() -> None:
    with pytest.raises(ModelError, match="follow its end"):
        read_compressed_tar(gzip.compress(GRAPH + END) + gzip.compress(GRAPH), "the archive")


def test_files_are_read_and_links_are_not() -> None:
    data = GRAPH + member("l", kind=tarfile.SYMTYPE) + member("h", kind=tarfile.LNKTYPE) + member("p", kind=tarfile.FIFOTYPE)
    assert read_compressed_tar(gzip.compress(data + END), "the archive") == {"graph.nnef": b"abc"}
