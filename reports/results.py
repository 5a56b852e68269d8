"""Reading results files for a report; a truncated one is incomplete, never a pass.

``python -m nnc_conformance.reports.results DIR`` writes the JSON Schema of each format.
"""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.storage.inputs import STANDARD_INPUT
from nnc_conformance.suites.results.result import Results, ResultsError, SessionResults
from nnc_conformance.suites.results.result_files import RESULTS_FILE, RUN_FILE, load_run, parse_results, read_results
from nnc_conformance.suites.results.run_document import RunDocument

TRUNCATED = "the results file is truncated: the run did not finish"
NO_CLOSING = "the results have no closing record: the run did not finish"
"""Problems of results whose run did not finish."""


@dataclass(frozen=True)
class Loaded:
    """One results file.

    It has its content (None if it is truncated), its problems, and the run.json that belongs to it.
    """

    source: str
    results: Results | None
    problems: tuple[str, ...] = ()
    run: RunDocument | None = None


def loaded(source: str, results: Results, run: RunDocument | None = None) -> Loaded:
    """Wrap results that are in memory; a missing closing record is a problem."""
    return Loaded(source, results, () if results.closing is not None else (NO_CLOSING,), run)


def file_of(path: Path) -> Path:
    """Return the results.json that is meant: the file itself, or the one in a folder."""
    return path / RESULTS_FILE if path.is_dir() else path


def load(path: Path) -> Loaded:
    """Read a results.json, or the one in a folder.

    Also read the run.json of the same run next to it.

    Raises `ResultsError` for another kind of file or contradictory results, `OSError` for an
    unreadable file.
    """
    file = file_of(path)
    data = read_results(file)
    try:
        results = parse_results(data, str(file))
    except ResultsError:
        if _is_truncated(data):
            return Loaded(str(file), None, (TRUNCATED,))
        raise
    return loaded(str(file), results, _run_of(file, hashlib.sha256(data).hexdigest()))


def _is_truncated(data: bytes) -> bool:
    """Return whether a file is empty, or a JSON object without its end."""
    if data.lstrip()[:1] not in (b"{", b""):
        return False
    try:
        json.loads(data)
    except ValueError:
        return True
    except RecursionError:
        return False
    return False


def _run_of(file: Path, results_sha256: str) -> RunDocument | None:
    """Return the run.json next to a results file.

    It is None if that file is missing, unreadable or of other results.
    """
    if file == STANDARD_INPUT:
        return None
    try:
        run = load_run(file.with_name(RUN_FILE))
    except (ResultsError, OSError):
        return None
    return run if run.results_sha256 == results_sha256 else None


SCHEMAS: Final[dict[str, type[Results]]] = {"results.schema.json": Results, "results-2.schema.json": SessionResults}
"""The model of each schema file."""


def results_schema(model: type[Results]) -> str:
    """Return the JSON Schema (draft 2020-12) of results.json of one format."""
    schema: dict[str, Any] = model.model_json_schema(mode="serialization")
    return canonical_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


if __name__ == "__main__":
    for name, kind in SCHEMAS.items():
        Path(sys.argv[1], name).write_text(results_schema(kind), encoding="utf-8")
