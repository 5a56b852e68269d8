"""Results files: read with suspicion. One that breaks off in the middle is incomplete, never a pass."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from nnc_conformance.suites.results.result import Results, ResultsError
from nnc_conformance.suites.results.result_files import RESULTS_FILE, RUN_FILE, load_results, load_run
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


def load(path: Path) -> Loaded:
    """Reads a results.json, or the one in a folder, and the run.json beside it where that was written with it.

    Raises `ResultsError` for what is no results file or contradicts itself, `OSError` where the file cannot be read.
    """
    file = path / RESULTS_FILE if path.is_dir() else path
    try:
        results = load_results(file)
    except ResultsError:
        if _breaks_off(file):
            return Loaded(str(file), None, (CUT_OFF,))
        raise
    return loaded(str(file), results, _run_of(file))


def _breaks_off(file: Path) -> bool:
    """Whether the file is empty or begins as a JSON object that does not end."""
    if not file.is_file():
        return False
    data = file.read_bytes()
    if data.lstrip()[:1] not in (b"{", b""):
        return False
    try:
        json.loads(data)
    except ValueError:
        return True
    return False


def _run_of(file: Path) -> RunDocument | None:
    try:
        run = load_run(file.with_name(RUN_FILE))
    except (ResultsError, OSError):
        return None
    return run if run.results_sha256 == hashlib.sha256(file.read_bytes()).hexdigest() else None
