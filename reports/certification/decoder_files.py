"""The files that a decoder is started from, and their hashes: what a certificate knows the decoder by."""

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

from nnc_conformance.reports.certification.certificate import CertifiedFile
from nnc_conformance.suites.decoders.decoder_spec import DecoderKind, DecoderSpec

REFERENCE: Final = "nnc_conformance.reference"
_CHUNK: Final = 1 << 20


def decoder_files(spec: DecoderSpec) -> tuple[CertifiedFile, ...]:
    """Returns the files that the command names, in its order, its decoder.toml last; for the in-tree decoder its sources as one.

    What a program loads when it runs (libraries, modules) is not among them. Raises `OSError` where a file cannot be read.
    """
    if spec.kind is DecoderKind.IN_TREE:
        return (_sources(Path(str(files(REFERENCE)))),)
    return tuple(certified_file(path) for path in dict.fromkeys(_named(spec)))


def _named(spec: DecoderSpec) -> Iterator[Path]:
    for word, after in zip(spec.command, (*spec.command[1:], ""), strict=True):
        if "{" not in word and Path(word).is_file():
            yield Path(word)
        elif spec.kind is DecoderKind.PYTHON and ":" in word:
            module = Path(after) / word.partition(":")[0].replace(".", "/")
            yield from (path for path in (module.with_suffix(".py"), module / "__init__.py") if path.is_file())
    if Path(spec.argument).is_file():
        yield Path(spec.argument)


def certified_file(path: Path) -> CertifiedFile:
    """Describes a file by its name and content; raises `OSError`."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return CertifiedFile(name=path.name, size=size, sha256=digest.hexdigest())


def _sources(folder: Path) -> CertifiedFile:
    """The Python sources below a folder as one: the hash is that of lines ``HASH  PATH``, by path."""
    described = {path.relative_to(folder).as_posix(): certified_file(path) for path in folder.rglob("*.py")}
    lines = "".join(f"{described[name].sha256}  {name}\n" for name in sorted(described))
    total = sum(file.size for file in described.values())
    return CertifiedFile(name=REFERENCE, size=total, sha256=hashlib.sha256(lines.encode()).hexdigest())
