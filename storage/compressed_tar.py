"""Reads and writes compressed tar archives of models, within bounds.

They hold regular files by their names, and nothing else.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping
from typing import Final

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.zip_bounds import FREE_BYTES, MOST_MEMBERS, MOST_RATIO

_GZIP: Final = 31
"""Window bits of zlib for the gzip format."""


def read_compressed_tar(data: bytes, what: str) -> dict[str, bytes]:
    """Read the regular files of a .tar.gz by their paths; skip links, devices and folders.

    Raises `ModelError` for damage, for more unpacked bytes than `MOST_RATIO` times the archive's
    size (`FREE_BYTES` in any case), for a sparse file, and for two files of one name.
    """
    most = max(FREE_BYTES, MOST_RATIO * len(data))
    machine = zlib.decompressobj(_GZIP)
    files: dict[str, bytes] = {}
    try:
        unpacked = machine.decompress(data, most)
        if not machine.eof:
            reason = f"it unpacks to more than {most} bytes" if len(unpacked) >= most else "it is cut off"
            raise ModelError(f"{what} cannot be read: {reason}")
        if machine.unused_data:
            raise ModelError(f"{what} cannot be read: {len(machine.unused_data)} bytes follow its end")
        with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as archive:
            for seen, member in enumerate(archive):
                name = member.name.removeprefix("./")
                if member.issparse() or not 0 <= member.size <= len(unpacked) or seen >= MOST_MEMBERS:
                    raise ModelError(f"{what} cannot be read: it has a sparse file, a false size, or more than {MOST_MEMBERS} members")
                if name in files:
                    raise ModelError(f"{what} has {name!r} twice")
                if member.isreg() and (opened := archive.extractfile(member)) is not None:
                    files[name] = opened.read()
    except (zlib.error, tarfile.TarError, ValueError, OSError, EOFError, OverflowError, RecursionError) as error:
        raise ModelError(f"{what} cannot be read: {error}") from None
    return files


def compressed_tar(files: Mapping[str, bytes]) -> bytes:
    """Return a .tar.gz of files by their paths; equal files give equal bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            archive.addfile(member, io.BytesIO(files[name]))
    return gzip.compress(out.getvalue(), mtime=0)
