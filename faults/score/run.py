"""A mutation run: from mutants and a suite to the score."""

from collections.abc import Callable, Sequence
from pathlib import Path

from nnc_conformance.faults.mutants.catalogue import mutants
from nnc_conformance.faults.mutants.equivalents import arguments
from nnc_conformance.faults.mutants.mutant import Mutant
from nnc_conformance.faults.score.cases import SCORED_LEVELS, TrialVector, load_trial_vectors
from nnc_conformance.faults.score.journal import MutationJournal, run_sha256
from nnc_conformance.faults.score.score import Score
from nnc_conformance.faults.score.trials import MutantResult, traced, try_all


def run(
    output: Path,
    chosen: Sequence[Mutant] | None = None,
    *,
    cases: Sequence[TrialVector] | None = None,
    jobs: int = 1,
    matrix: bool = False,
    resume: bool = False,
    told: Callable[[int, int, MutantResult | None], None] = lambda done, planned, verdict: None,
) -> Score:
    """Tries mutants (all that the score counts, when None) on cases (those of the built-in suite, when None) and returns the score.

    ``output`` is the folder of the journal, ``matrix`` tries every case that reaches a mutant and not only up to the first kill, ``told``
    hears of each mutant that is done. Raises `MutationJournalError` and `SuiteError`.
    """
    wanted = list(mutants().values()) if chosen is None else list(chosen)
    tried_on = load_trial_vectors() if cases is None else cases
    certified = frozenset(case.id for case in tried_on if case.vector.level in SCORED_LEVELS)
    with MutationJournal(output, run_sha256(wanted, tried_on, matrix=matrix), resume=resume) as journal:
        left = [mutant for mutant in wanted if mutant.id not in journal.verdicts]

        def done(verdict: MutantResult) -> None:
            journal.add(verdict)
            told(len(journal.verdicts), len(wanted), verdict)

        told(len(journal.verdicts), len(wanted), None)
        if left:
            try_all(left, traced(tried_on, jobs), jobs=jobs, matrix=matrix, done=done)
        verdicts = dict(journal.verdicts)
    return Score({mutant.id: mutant for mutant in wanted}, verdicts, arguments(), certified)
