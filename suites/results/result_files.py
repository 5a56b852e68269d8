"""Reading and writing of ``results.json`` and ``run.json``."""

import hashlib
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.storage import outputs
from nnc_conformance.storage.documents import canonical_json, first_problem, first_tagged_problem
from nnc_conformance.storage.inputs import STANDARD_INPUT, read_bytes, read_regular
from nnc_conformance.suites.results.result import AnyResults, Results, ResultsError
from nnc_conformance.suites.results.run_document import RunDocument

RESULTS_FILE: Final = "results.json"
RUN_FILE: Final = "run.json"
RESULTS_BYTES: Final = 1 << 30
"""Largest results or run file that is read, in bytes."""

_RESULTS: Final[TypeAdapter[AnyResults]] = TypeAdapter(AnyResults)


def results_text(results: Results) -> str:
    """Return the canonical text of ``results.json``."""
    value: Any = results.model_dump(mode="json")
    return canonical_json(value)


def write_results(folder: Path, results: Results) -> str:
    """Write ``results.json`` atomically and return its SHA-256; raise `OSError`."""
    text = results_text(results)
    outputs.write_text(folder / RESULTS_FILE, text)
    return hashlib.sha256(text.encode()).hexdigest()


def write_run(folder: Path, document: RunDocument) -> None:
    """Write ``run.json`` atomically; raise `OSError`."""
    value: Any = document.model_dump(mode="json")
    outputs.write_text(folder / RUN_FILE, canonical_json(value))


def load_results(path: Path) -> Results:
    """Read a ``results.json``, or the one in a folder.

    Raise `ResultsError` if it is not valid.
    """
    file = path / RESULTS_FILE if path.is_dir() else path
    return parse_results(read_results(file), str(file))


def read_results(file: Path) -> bytes:
    """Read the bytes of a results file, or of standard input.

    Raises `ResultsError` for a larger one than `RESULTS_BYTES`.
    """
    try:
        return read_bytes(file, max_bytes=RESULTS_BYTES) if file == STANDARD_INPUT else read_regular(file, max_bytes=RESULTS_BYTES)
    except ModelError as error:
        raise ResultsError(f"{file}: {error}") from None


def parse_results(data: bytes, what: str) -> Results:
    """Parse a results file named ``what`` in errors; raise `ResultsError` if it is not valid."""
    try:
        return _RESULTS.validate_json(data)
    except ValidationError as error:
        raise ResultsError(f"{what}: {first_tagged_problem(error)}") from None


def load_run(path: Path) -> RunDocument:
    """Read a ``run.json``, or the one in a folder.

    Raise `ResultsError` if it is not valid.
    """
    file = path / RUN_FILE if path.is_dir() else path
    try:
        return RunDocument.model_validate_json(read_results(file))
    except ValidationError as error:
        raise ResultsError(f"{file}: {first_problem(error)}") from None
