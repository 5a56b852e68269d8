"""Causes tried on cases: what a decoder with a seeded fault does, kept from one question to the next."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from nnc_conformance.generator.mutants.mutant import Mutant
from nnc_conformance.generator.mutants.places import FUNCTIONS, source_of
from nnc_conformance.generator.mutants.reach import Reach
from nnc_conformance.generator.mutants.running import Decode, Ending, MutatedChild
from nnc_conformance.suites.diagnosis.cause import Cause
from nnc_conformance.suites.diagnosis.patch import apply
from nnc_conformance.suites.diagnosis.symptom import UNREADABLE, Difference, Symptom, symptom_of
from nnc_conformance.suites.mutation.cases import Case, judged
from nnc_conformance.suites.outcomes import Outcome
from nnc_conformance.suites.result import CaseResult

SECONDS: Final = 1.0
SECONDS_PER_LINE: Final = 4e-6
"""CPU time that a faulty decoder has for a case: some, and more for each line that the decoder without a fault runs."""


@dataclass(frozen=True, eq=False)
class Probe:
    """A case with what the decoder without a fault meets in it."""

    case: Case
    reach: Reach

    @property
    def seconds(self) -> float:
        """CPU time that a faulty decoder has for it."""
        return SECONDS + SECONDS_PER_LINE * self.reach.cost

    @cached_property
    def lines(self) -> frozenset[tuple[str, int]]:
        """The lines of the decoder that are run, each with its module."""
        return frozenset((module, line) for module, lines in self.reach.lines.items() for line in lines)


def _work(cause: Cause, probes: Sequence[Probe], decode: Decode) -> Iterator[Symptom]:
    """In the child: what the faulty decoder does with each case."""
    if cause.edits:
        apply(cause.edits)
    for probe in probes:
        result = judged(probe.case, decode(probe.case.stream, False, probe.seconds))
        yield UNREADABLE if result is None else symptom_of(result)


def symptoms(cause: Cause, probes: Sequence[Probe]) -> Iterator[Symptom]:
    """What a decoder with ``cause`` does with each case, in order; what breaks its process is a crash or a timeout of that case."""
    mutant: Mutant | None = cause.mutant
    left = list(probes)
    while left:
        now = list(left)
        with MutatedChild(mutant, lambda decode, now=now: _work(cause, now, decode), seconds=max(one.seconds for one in now)) as child:
            for symptom in child.results():
                left.pop(0)
                yield symptom
            hung = child.ended.ending is Ending.HUNG
        if left:
            left.pop(0)
            yield Symptom(Outcome.TIMEOUT if hung else Outcome.CRASH)


def simulated(cause: Cause, probes: Sequence[Probe]) -> list[CaseResult]:
    """What a run would say of a decoder with ``cause`` on each case that it gets through."""

    def work(decode: Decode) -> Iterator[CaseResult | None]:
        if cause.edits:
            apply(cause.edits)
        for probe in probes:
            yield judged(probe.case, decode(probe.case.stream, False, probe.seconds))

    with MutatedChild(cause.mutant, work, seconds=max(one.seconds for one in probes)) as child:
        return [result for result in child.results() if result is not None]


class Memory:
    """What causes did with streams: asked once of each, and, with a file, kept there for later questions."""

    def __init__(self, file: Path | None = None) -> None:
        self._known: dict[tuple[str, str], Symptom] = {}
        self._file = file
        if file is not None:
            self._read(file)

    def of(self, cause: Cause, probes: Sequence[Probe]) -> list[Symptom]:
        """What a decoder with ``cause`` does with each case."""
        keys = [(_key(cause), _digest(probe.case.stream)) for probe in probes]
        missing = [(key, probe) for key, probe in zip(keys, probes, strict=True) if key not in self._known]
        if missing:
            found = symptoms(cause, [probe for _, probe in missing])
            new = {key: symptom for (key, _), symptom in zip(missing, found, strict=True)}
            self._known.update(new)
            self._write(new)
        return [self._known[key] for key in keys]

    def knows(self, cause: Cause, probe: Probe) -> bool:
        """Whether it need not be tried."""
        return (_key(cause), _digest(probe.case.stream)) in self._known

    def _read(self, file: Path) -> None:
        if not file.exists():
            return
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                cause, digest, told = json.loads(line)
                self._known[cause, digest] = _symptom(told)
            except (ValueError, KeyError, TypeError):
                continue

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
    told = repr(cause.edits) if cause.mutant is None else f"{cause.mutant.before}=>{cause.mutant.after}"
    return f"{cause.id} {_sources()} {hashlib.sha256(told.encode()).hexdigest()[:8]}"


@cache
def _digest(stream: bytes) -> str:
    return hashlib.sha256(stream).hexdigest()[:16]
