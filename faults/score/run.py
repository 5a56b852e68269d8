"""A mutation run: from mutants and a suite to the score.

It keeps a journal from which a stopped run is resumed.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

from nnc_conformance.faults.mutants.catalogue import mutants
from nnc_conformance.faults.mutants.equivalents import arguments
from nnc_conformance.faults.mutants.mutant import Mutant
from nnc_conformance.faults.score.score import Score
from nnc_conformance.faults.score.trial_vectors import SCORED_LEVELS, Trial, load_trial_vectors, traced_trials
from nnc_conformance.faults.score.trials import MutantResult, in_trial_order, try_all
from nnc_conformance.reference.syntax.elements import FIRST_EDITION
from nnc_conformance.storage.documents import Sha256, canonical_json
from nnc_conformance.storage.vector import Edition
from nnc_conformance.suites.running.journal import Journal, JournalHeader

JOURNAL_FILE: Final = "mutation.jsonl"
"""Name of the journal in the folder of a mutation run."""

MutantProgress = Callable[[int, int, MutantResult | None], None]
"""Progress callback: (mutants done, of how many, the latest result; None at the start)."""


class _Header(JournalHeader):
    format: Literal["nnc-mutation/1"] = "nnc-mutation/1"
    run: Sha256


def run_sha256(chosen: Sequence[Mutant], trials: Sequence[Trial], *, matrix: bool) -> str:
    """Return the hash that identifies a run.

    It covers its mutants, the streams, and how far each mutant is tried.
    """
    vectors = [trial.identity for trial in trials]
    content = {"mutants": [[mutant.id, mutant.before, mutant.after] for mutant in chosen], "vectors": vectors, "matrix": matrix}
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def no_mutant_progress(done: int, total: int, result: MutantResult | None) -> None:
    """Ignore progress."""


def run(
    output: Path,
    chosen: Sequence[Mutant] | None = None,
    *,
    trials: Sequence[Trial] | None = None,
    edition: Edition = FIRST_EDITION,
    jobs: int = 1,
    matrix: bool = False,
    resume: bool = False,
    progress: MutantProgress = no_mutant_progress,
) -> Score:
    """Try mutants on vectors and return the score.

    Args:
        output: The folder of the journal; made if missing.
        chosen: The mutants; all that the score counts if None.
        trials: The vectors; those of the built-in suite if None.
        edition: The edition whose mutants and vectors are meant where none are given.
        jobs: Mutants to try in parallel.
        matrix: Whether to try every vector that executes a mutant, and not stop at the first kill.
        resume: Whether to keep the results of an earlier part of the same run.
        progress: The progress callback.

    Raises:
        JournalError: The journal in ``output`` belongs to another run, or is in use.
        SuiteError: The suite is incomplete.
    """
    wanted = list(mutants(edition).values()) if chosen is None else list(chosen)
    if trials is None:
        trials = load_trial_vectors(edition=edition)
    scored = frozenset(trial.id for trial in trials if trial.level in SCORED_LEVELS)
    output.mkdir(parents=True, exist_ok=True)
    header = _Header(run=run_sha256(wanted, trials, matrix=matrix))
    with Journal(output / JOURNAL_FILE, header, MutantResult, resume=resume) as journal:
        results = {result.mutant: result for result in journal.entries}
        left = [mutant for mutant in wanted if mutant.id not in results]

        def done(result: MutantResult) -> None:
            journal.add(result)
            results[result.mutant] = result
            progress(len(results), len(wanted), result)

        progress(len(results), len(wanted), None)
        if left:
            try_all(left, in_trial_order(traced_trials(trials, jobs)), jobs=jobs, matrix=matrix, done=done)
    return Score({mutant.id: mutant for mutant in wanted}, results, arguments(), scored)
