"""Results files: read with suspicion. One that breaks off in the middle is incomplete, never a pass."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from nnc_conformance.storage.inputs import STANDARD_INPUT
from nnc_conformance.suites.results.result import Results, ResultsError
from nnc_conformance.suites.results.result_files import RESULTS_FILE, RUN_FILE, load_run, parse_results, read_results
from nnc_conformance.suites.results.run_document import RunDocument

CUT_OFF = "the results file breaks off: the run did not end"
NO_CLOSING = "the results have no closing record: the run did not end"


@dataclass(frozen=True)
class Loaded:
    """One results file: its content (None where it breaks off), what is wrong with it, and the run.json that belongs to it."""

    source: str
    results: Results | None
    problems: tuple[str, ...] = ()
    run: RunDocument | None = None


def loaded(source: str, results: Results, run: RunDocument | None = None) -> Loaded:
    """Wraps results that are in memory; without a closing record they have a problem."""
    return Loaded(source, results, () if results.closing is not None else (NO_CLOSING,), run)


def file_of(path: Path) -> Path:
    """Return the results.json that is meant: the file itself, or the one in a folder."""
    return path / RESULTS_FILE if path.is_dir() else path


def load(path: Path) -> Loaded:
    """Reads a results.json, or the one in a folder, and the run.json beside it where that was written with it.

    Raises `ResultsError` for what is no results file or contradicts itself, `OSError` where the file cannot be read.
    """
    file = file_of(path)
    data = read_results(file)
    try:
        results = parse_results(data, str(file))
    except ResultsError:
        if _breaks_off(data):
            return Loaded(str(file), None, (CUT_OFF,))
        raise
    return loaded(str(file), results, _run_of(file, hashlib.sha256(data).hexdigest()))


def _breaks_off(data: bytes) -> bool:
    """Whether a file is empty or begins as a JSON object that does not end."""
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
    if file == STANDARD_INPUT:
        return None
    try:
        run = load_run(file.with_name(RUN_FILE))
    except (ResultsError, OSError):
        return None
    return run if run.results_sha256 == results_sha256 else None
