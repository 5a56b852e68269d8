"""A mutation run: from mutants and a suite to the score."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from nnc_conformance.generator.mutants.catalogue import mutants
from nnc_conformance.generator.mutants.equivalents import arguments
from nnc_conformance.generator.mutants.mutant import Mutant
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.mutation.cases import CERTIFIED, LEVELS, load_cases
from nnc_conformance.suites.mutation.journal import MutationJournal, run_sha256
from nnc_conformance.suites.mutation.score import Score
from nnc_conformance.suites.mutation.trying import Verdict, measured, try_all


def run(
    output: Path,
    chosen: Sequence[Mutant] | None = None,
    *,
    levels: Collection[Level] = LEVELS,
    jobs: int = 1,
    matrix: bool = False,
    resume: bool = False,
    told: Callable[[int, int, Verdict | None], None] = lambda done, planned, verdict: None,
) -> Score:
    """Tries mutants (all that the score counts, when None) on the built-in suite and returns the score.

    ``output`` is the folder of the journal, ``matrix`` tries every case that reaches a mutant and not only up to the first kill, ``told``
    hears of each mutant that is done. Raises `MutationJournalError` and `SuiteError`.
    """
    wanted = list(mutants().values()) if chosen is None else list(chosen)
    cases = load_cases(levels)
    certified = frozenset(case.id for case in cases if case.vector.level in CERTIFIED)
    with MutationJournal(output, run_sha256(wanted, cases, matrix=matrix), resume=resume) as journal:
        left = [mutant for mutant in wanted if mutant.id not in journal.verdicts]

        def done(verdict: Verdict) -> None:
            journal.add(verdict)
            told(len(journal.verdicts), len(wanted), verdict)

        told(len(journal.verdicts), len(wanted), None)
        if left:
            try_all(left, measured(cases, jobs), jobs=jobs, matrix=matrix, done=done)
        verdicts = dict(journal.verdicts)
    return Score({mutant.id: mutant for mutant in wanted}, verdicts, arguments(), certified)
