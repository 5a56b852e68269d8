"""Causes tried on cases: what a decoder with a seeded fault does, kept from one question to the next."""

import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any, Final

from nnc_conformance.faults.diagnosis.asking import Ask
from nnc_conformance.faults.diagnosis.cause import Cause
from nnc_conformance.faults.diagnosis.symptom import UNREADABLE, Difference, Symptom, symptom_of
from nnc_conformance.faults.mutants.changes import changed_functions
from nnc_conformance.faults.mutants.entries import tables_of
from nnc_conformance.faults.mutants.executed_lines import ExecutedLines
from nnc_conformance.faults.mutants.mutable_code import FUNCTIONS, source_of
from nnc_conformance.faults.mutants.mutant import MutantKind
from nnc_conformance.faults.mutants.mutated_decoder import Decode, Ending, MutantOutcome, MutatedChild
from nnc_conformance.faults.mutants.patch import in_force
from nnc_conformance.faults.score.cases import TrialVector, execution_of, judged
from nnc_conformance.reference.entropy.kernel_tables import Tables
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.threads import thread_pool
from nnc_conformance.storage.inputs import read_bytes
from nnc_conformance.suites.decoders.execution import Execution
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult

SECONDS: Final = 1.0
SECONDS_PER_LINE: Final = 4e-6
"""CPU time that a faulty decoder has for a case: some, and more for each line that the decoder without a fault runs."""


@dataclass(frozen=True, eq=False)
class Probe:
    """A case with what the decoder without a fault meets in it."""

    case: TrialVector
    reach: ExecutedLines

    @property
    def seconds(self) -> float:
        """CPU time that a faulty decoder has for it."""
        return SECONDS + SECONDS_PER_LINE * self.reach.cost

    @cached_property
    def lines(self) -> frozenset[tuple[str, int]]:
        """The lines of the decoder that are run, each with its module."""
        return frozenset((module, line) for module, lines in self.reach.lines.items() for line in lines)


def _seen(decode: Decode, probe: Probe, tables: Tables | None) -> Symptom:
    """What the decoder of this process does with a case."""
    result = judged(probe.case, decode(probe.case.stream, False, probe.seconds, tables))
    return UNREADABLE if result is None else symptom_of(result)


Job = tuple[Cause, Probe]


def symptoms(jobs: Iterable[Job]) -> Iterator[tuple[Cause, Probe, Symptom]]:
    """What a decoder with each cause does with each case, in order; what breaks its process is a crash or a timeout of that case.

    Causes that are code take turns in one child, and so do tables.
    """
    left = deque(jobs)
    while left:
        first = left[0][0]
        turn = list(takewhile(lambda job, first=first: job[0].turn is first.turn if first.turn else job[0] is first, left))  # type: ignore[misc]
        mutant = first.from_start
        with MutatedChild(mutant, lambda decode, turn=turn: _turns(decode, turn), seconds=max(job[1].seconds for job in turn)) as child:  # type: ignore[misc]
            done = 0
            for symptom in child.results():
                yield (*left.popleft(), symptom)
                done += 1
            outcome = Outcome.TIMEOUT if child.ended.ending is Ending.HUNG else Outcome.CRASH
        if done < len(turn):
            yield (*left.popleft(), Symptom(outcome))


def _turns(decode: Decode, jobs: Sequence[Job]) -> Iterator[Symptom]:
    """In the child: each cause put in force for its cases."""
    for _, own in groupby(jobs, key=lambda job: job[0].id):
        first, *rest = own
        mutant = first[0].mutant
        tables = tables_of(mutant.id) if mutant.kind is MutantKind.TABLE else None
        with in_force(changed_functions(mutant)):
            for _, probe in (first, *rest):
                yield _seen(decode, probe, tables)


def faulty_decoder(cause: Cause, seconds: float = 2.0) -> Ask:
    """A decoder with ``cause`` that can be asked; each stream is decoded in a process of its own, in ``seconds`` of CPU time at most."""

    def ask(stream: bytes) -> Execution:
        def work(decode: Decode) -> Iterator[MutantOutcome]:
            with in_force(changed_functions(cause.mutant)):
                yield decode(stream, False, seconds)

        with MutatedChild(cause.from_start, work, seconds=seconds) as child:
            return execution_of(next(child.results(), child.ended))

    return ask


def simulated(cause: Cause, probes: Sequence[Probe]) -> list[CaseResult]:
    """What a run would say of a decoder with ``cause`` on each case that it gets through."""

    def work(decode: Decode) -> Iterator[CaseResult | None]:
        with in_force(changed_functions(cause.mutant)):
            for probe in probes:
                yield judged(probe.case, decode(probe.case.stream, False, probe.seconds))

    with MutatedChild(cause.from_start, work, seconds=max(one.seconds for one in probes)) as child:
        return [result for result in child.results() if result is not None]


class CacheError(NNCError):
    """A file is not a cache of what causes do."""


class SymptomCache:
    """What causes did with streams: asked once of each, ``jobs`` at once, and, with a file, kept there for later questions."""

    def __init__(self, file: Path | None = None, *, jobs: int = 1) -> None:
        self._known: dict[tuple[str, str], Symptom] = {}
        self._file = file
        self._jobs = jobs
        if file is not None:
            self._read(file)

    def of(self, cause: Cause, probes: Sequence[Probe]) -> list[Symptom]:
        """What a decoder with ``cause`` does with each case."""
        self.learn([cause], probes)
        return [self._known[_key(cause), _digest(probe.case.stream)] for probe in probes]

    def learn(self, causes: Sequence[Cause], probes: Sequence[Probe]) -> None:
        """Tries what is not known yet of some causes, together, which is quicker than one by one."""
        shares = [
            [(cause, probe) for cause in causes[share :: self._jobs] for probe in probes if not self.knows(cause, probe)]
            for share in range(self._jobs)
        ]
        with thread_pool(self._jobs) as pool:
            found = [seen for done in pool.map(lambda share: list(symptoms(share)), shares) for seen in done]
        new = {(_key(cause), _digest(probe.case.stream)): symptom for cause, probe, symptom in found}
        self._known.update(new)
        self._write(new)

    def knows(self, cause: Cause, probe: Probe) -> bool:
        """Whether it need not be tried."""
        return (_key(cause), _digest(probe.case.stream)) in self._known

    def _read(self, file: Path) -> None:
        if not file.exists():
            return
        for number, line in enumerate(read_bytes(file).splitlines()):
            try:
                cause, digest, told = json.loads(line)
                self._known[cause, digest] = _symptom(told)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                if number == 0:
                    raise CacheError(f"{file} is not a cache of explain; name a new file") from None

    def _write(self, new: dict[tuple[str, str], Symptom]) -> None:
        if self._file is None:
            return
        with self._file.open("a", encoding="utf-8") as file:
            for (cause, digest), symptom in new.items():
                told = {name: value for name, value in asdict(symptom).items() if value not in ("", None, 0, ())}
                file.write(json.dumps([cause, digest, told]) + "\n")


def _symptom(told: dict[str, Any]) -> Symptom:
    differences = tuple(
        Difference(one["tensor"], one["kind"], None if one["index"] is None else tuple(one["index"]), one["actual"], one["count"])
        for one in told.pop("differences", ())
    )
    return Symptom(**{**told, "outcome": Outcome(told["outcome"]), "differences": differences})


@cache
def _sources() -> str:
    """A hash of the decoder's sources: what is kept of another decoder is of no use."""
    whole = hashlib.sha256()
    for module in (*FUNCTIONS, "entropy.tables", "entropy.kernel_tables"):
        whole.update(source_of(module).encode())
    return whole.hexdigest()[:8]


@cache
def _key(cause: Cause) -> str:
    told = f"{cause.mutant.before}=>{cause.mutant.after}"
    return f"{cause.id} {_sources()} {hashlib.sha256(told.encode()).hexdigest()[:8]}"


@cache
def _digest(stream: bytes) -> str:
    return hashlib.sha256(stream).hexdigest()[:16]
