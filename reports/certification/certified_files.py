"""The files that a decoder or an encoder is started from, with their hashes.

They identify it in a certificate.
"""

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

from nnc_conformance.encoders.encoder_spec import EncoderKind, EncoderSpec
from nnc_conformance.reports.certification.certificate import CertifiedFile
from nnc_conformance.suites.decoders.decoder_spec import DecoderKind, DecoderSpec

REFERENCE: Final = "nnc_conformance.reference"
"""The package whose files are those of the reference decoder and encoder."""
_CHUNK: Final = 1 << 20


def decoder_files(spec: DecoderSpec) -> tuple[CertifiedFile, ...]:
    """Describe the files named by the decoder's command, in order, its decoder.toml last.

    The sources of the in-tree decoder count as one file. Libraries and modules that a program loads
    are not included. Raises `OSError` if a file cannot be read.
    """
    if spec.kind is DecoderKind.IN_TREE:
        return reference_files()
    return tuple(certified_file(path) for path in dict.fromkeys(_named(spec)))


def encoder_files(spec: EncoderSpec) -> tuple[CertifiedFile, ...]:
    """Describe the files named by the encoder's command, in order, its encoder.toml last.

    As in `decoder_files`. Raises `OSError` if a file cannot be read.
    """
    if spec.kind is EncoderKind.IN_TREE:
        return reference_files()
    named = [Path(word) for word in (*spec.command, spec.argument) if "{" not in word and Path(word).is_file()]
    return tuple(certified_file(path) for path in dict.fromkeys(named))


def reference_files() -> tuple[CertifiedFile, ...]:
    """Describe the sources of the reference decoder and encoder as one file."""
    return (_sources(Path(str(files(REFERENCE)))),)


def _named(spec: DecoderSpec) -> Iterator[Path]:
    """Yield the existing files that a decoder's command, or its ``argument``, names.

    In the command of a Python decoder the word MODULE:FUNCTION is followed by a folder: it names
    the file of that module in the folder.
    """
    for word, after in zip(spec.command, (*spec.command[1:], ""), strict=True):
        if "{" not in word and Path(word).is_file():
            yield Path(word)
        elif spec.kind is DecoderKind.PYTHON and ":" in word:
            module = Path(after) / word.partition(":")[0].replace(".", "/")
            yield from (path for path in (module.with_suffix(".py"), module / "__init__.py") if path.is_file())
    if Path(spec.argument).is_file():
        yield Path(spec.argument)


def certified_file(path: Path) -> CertifiedFile:
    """Describe a file by name, size and hash; raise `OSError` if it cannot be read."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return CertifiedFile(name=path.name, size=size, sha256=digest.hexdigest())


def _sources(folder: Path) -> CertifiedFile:
    """Describe the Python sources below a folder as one file.

    The hash is that of lines ``HASH  PATH``, sorted by path.
    """
    described = {path.relative_to(folder).as_posix(): certified_file(path) for path in folder.rglob("*.py")}
    lines = "".join(f"{described[name].sha256}  {name}\n" for name in sorted(described))
    total = sum(file.size for file in described.values())
    return CertifiedFile(name=REFERENCE, size=total, sha256=hashlib.sha256(lines.encode()).hexdigest())
