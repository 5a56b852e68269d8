"""The journal of a mutation run: a line for each mutant that is done, from which a run that was stopped goes on."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import ValidationError

from nnc_conformance.faults.mutants.mutant import Mutant
from nnc_conformance.faults.score.cases import Kill, TrialVector
from nnc_conformance.faults.score.trials import MutantResult
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.storage.documents import Frozen, Sha256, canonical_json

JOURNAL_FILE: Final = "mutation.jsonl"


class MutationJournalError(NNCError):
    """The journal in the folder is of another run."""


class _Header(Frozen):
    format: Literal["nnc-mutation/1"] = "nnc-mutation/1"
    run: Sha256


class _Line(Frozen):
    mutant: str
    kills: tuple[tuple[str, Kill], ...]
    tried: int


def run_sha256(mutants: Sequence[Mutant], cases: Sequence[TrialVector], *, matrix: bool) -> str:
    """The hash by which a journal knows its run: the mutants as they read today, the streams, and how far each is tried."""
    vectors = [(case.id, case.vector.revision, case.vector.stream.sha256) for case in cases]
    told = {"mutants": [[mutant.id, mutant.before, mutant.after] for mutant in mutants], "vectors": vectors, "matrix": matrix}
    return hashlib.sha256(canonical_json(told).encode()).hexdigest()


class MutationJournal:
    """An open journal; ``verdicts`` are those that it already holds, by mutant. What follows its last whole line is cut off."""

    def __init__(self, folder: Path, run: str, *, resume: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / JOURNAL_FILE
        self.verdicts: dict[str, MutantResult] = {}
        whole = self._read(path, run) if resume and path.exists() else 0
        self._file = path.open("r+b" if whole else "wb")
        self._file.truncate(whole)
        self._file.seek(whole)
        if not whole:
            self._write(_Header(run=run))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def add(self, verdict: MutantResult) -> None:
        """Appends a mutant that is done."""
        self.verdicts[verdict.mutant] = verdict
        self._write(_Line(mutant=verdict.mutant, kills=verdict.kills, tried=verdict.tried))

    def _write(self, line: _Header | _Line) -> None:
        self._file.write(line.model_dump_json().encode() + b"\n")
        self._file.flush()

    def _read(self, path: Path, run: str) -> int:
        """Takes what the whole lines say and returns where these end; raises `MutationJournalError`."""
        whole = 0
        for number, line in enumerate(path.read_bytes().split(b"\n")[:-1]):
            try:
                if number == 0 and _Header.model_validate_json(line).run != run:
                    raise MutationJournalError(f"{path} is of other mutants, vectors or options: leave out --resume to begin anew")
                if number:
                    read = _Line.model_validate_json(line)
                    self.verdicts[read.mutant] = MutantResult(read.mutant, read.kills, read.tried)
            except ValidationError:
                if number == 0:
                    raise MutationJournalError(f"{path} is no journal of mutants") from None
                break
            whole += len(line) + 1
        return whole
