"""Causes tried on vectors: what a decoder with a bug does.

Symptoms are kept from one question to the next.
"""

import hashlib
import json
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, fields
from functools import cache, partial
from itertools import groupby, takewhile
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any

from nnc_conformance.faults.diagnosis.cause import Cause
from nnc_conformance.faults.diagnosis.shrink import DecodeStream
from nnc_conformance.faults.diagnosis.symptom import UNREADABLE, Difference, Symptom, symptom_of
from nnc_conformance.faults.mutants.entries import tables_of
from nnc_conformance.faults.mutants.mutable_code import FUNCTIONS, source_of
from nnc_conformance.faults.mutants.mutant import MutantKind
from nnc_conformance.faults.mutants.mutated_decoder import Decode, Ending, MutantOutcome, MutatedChild
from nnc_conformance.faults.mutants.patch import changed_functions, in_force
from nnc_conformance.faults.score.trial_vectors import TracedVector, execution_of, judged
from nnc_conformance.reference.entropy.kernel_tables import Tables
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.threads import thread_pool
from nnc_conformance.storage.inputs import read_bytes
from nnc_conformance.storage.outputs import append_bytes
from nnc_conformance.suites.decoders.execution import Execution
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import CaseResult


def _symptom(decode: Decode, vector: TracedVector, tables: Tables | None) -> Symptom:
    """Return what the decoder of this process does with a vector."""
    result = judged(vector.trial, *vector.trial.outcomes(decode, vector.seconds, tables))
    return UNREADABLE if result is None else symptom_of(result)


Job = tuple[Cause, TracedVector]
"""A cause and the vector to try it on."""


def symptoms(jobs: Iterable[Job]) -> Generator[tuple[Cause, TracedVector, Symptom]]:
    """Yield the symptom of each cause on its vector, in order.

    If the child process breaks, the symptom is a crash or a timeout. Causes that are code take
    turns in one child process, and so do tables.
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


def _symptoms_until(deadline: float, jobs: Sequence[Job]) -> list[tuple[Cause, TracedVector, Symptom]]:
    """Return the symptoms that are found until a deadline, as `time.monotonic` counts."""
    found: list[tuple[Cause, TracedVector, Symptom]] = []
    with closing(symptoms(jobs if monotonic() < deadline else ())) as made:
        for one in made:
            found.append(one)
            if monotonic() >= deadline:
                break
    return found


def _turns(decode: Decode, jobs: Sequence[Job]) -> Iterator[Symptom]:
    """Put each cause in force in turn, and yield its symptoms.

    It runs in the child process.

    Args:
        decode: The decoder of the process.
        jobs: Causes and vectors; those of one cause follow one another.
    """
    for _, own in groupby(jobs, key=lambda job: job[0].id):
        first, *rest = own
        mutant = first[0].mutant
        tables = tables_of(mutant.id) if mutant.kind is MutantKind.TABLE else None
        with in_force(changed_functions(mutant)):
            for _, vector in (first, *rest):
                yield _symptom(decode, vector, tables)


def faulty_decoder(cause: Cause, seconds: float = 2.0) -> DecodeStream:
    """Return a decoder with ``cause``.

    It decodes each stream in a process of its own, in ``seconds`` of CPU time at most.
    """

    def decode_stream(stream: bytes) -> Execution:
        """Decode a stream in a child process with the bug of the cause in force."""

        def work(decode: Decode) -> Iterator[MutantOutcome]:
            with in_force(changed_functions(cause.mutant)):
                yield decode(stream, False, seconds)

        with MutatedChild(cause.from_start, work, seconds=seconds) as child:
            return execution_of(next(child.results(), child.ended))

    return decode_stream


def simulated(cause: Cause, vectors: Sequence[TracedVector]) -> list[CaseResult]:
    """Return the results of a decoder with ``cause`` on vectors, run in a child process.

    Vectors without a result, and those after one that ends the process, are left out.
    """

    def work(decode: Decode) -> Iterator[CaseResult | None]:
        with in_force(changed_functions(cause.mutant)):
            for vector in vectors:
                yield judged(vector.trial, *vector.trial.outcomes(decode, vector.seconds))

    with MutatedChild(cause.from_start, work, seconds=max(vector.seconds for vector in vectors)) as child:
        return [result for result in child.results() if result is not None]


class CacheError(NNCError):
    """A file that is not a cache of symptoms."""


class SymptomCache:
    """What causes do with streams: found once, and kept in a file for later questions.

    Args:
        file: The file; None to keep nothing.
        jobs: Causes to try in parallel.
    """

    def __init__(self, file: Path | None = None, *, jobs: int = 1) -> None:
        self._known: dict[tuple[str, str], Symptom] = {}
        self._file = file
        self.jobs = jobs
        if file is not None:
            self._read(file)

    def of(self, cause: Cause, vectors: Sequence[TracedVector]) -> list[Symptom]:
        """Return what a decoder with ``cause`` does with each vector."""
        self.learn([cause], vectors)
        return [self._known[_key(cause), _digest(vector.trial.streams)] for vector in vectors]

    def learn(self, causes: Sequence[Cause], vectors: Sequence[TracedVector], deadline: float = inf) -> None:
        """Try the causes whose symptoms are not known yet.

        They are tried together, which is quicker than one by one.

        Args:
            causes: The causes.
            vectors: The vectors to try them on.
            deadline: The time to stop, as `time.monotonic` counts; some stay unknown then.
        """
        shares = [
            [(cause, vector) for cause in causes[share :: self.jobs] for vector in vectors if not self.knows(cause, vector)]
            for share in range(self.jobs)
        ]
        if not any(shares):
            return
        with thread_pool(self.jobs) as pool:
            found = [one for done in pool.map(partial(_symptoms_until, deadline), shares) for one in done]
        new = {(_key(cause), _digest(vector.trial.streams)): symptom for cause, vector, symptom in found}
        self._known.update(new)
        self._write(new)

    def knows(self, cause: Cause, vector: TracedVector) -> bool:
        """Return whether the symptom of a cause on a vector is known."""
        return (_key(cause), _digest(vector.trial.streams)) in self._known

    def _read(self, file: Path) -> None:
        """Read the symptoms in the cache file, one JSON array a line.

        A missing file is empty. Broken lines are skipped, but `CacheError` is raised if the first
        one is broken or the path is not a regular file.
        """
        if not file.exists():
            return
        if not file.is_file():
            raise CacheError(f"{file} is not a regular file; name a new file")
        for number, line in enumerate(read_bytes(file).splitlines()):
            try:
                cause, digest, content = json.loads(line)
                self._known[cause, digest] = _symptom_of(content)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                if number == 0:
                    raise CacheError(f"{file} is not a cache of explain; name a new file") from None

    def _write(self, new: dict[tuple[str, str], Symptom]) -> None:
        """Append new symptoms to the cache file, if there is one.

        Args:
            new: The symptoms by (cause, hash of the stream).
        """
        if self._file is None:
            return
        lines = []
        for (cause, digest), symptom in new.items():
            content = {name: value for name, value in asdict(symptom).items() if value not in ("", None, 0, ())}
            lines.append(json.dumps([cause, digest, content]) + "\n")
        append_bytes(self._file, "".join(lines).encode())


def _symptom_of(content: dict[str, Any]) -> Symptom:
    """Make a symptom from its JSON object, from which the differences are removed."""
    differences = tuple(
        Difference(one["tensor"], one["kind"], None if one["index"] is None else tuple(one["index"]), one["actual"], one["count"])
        for one in content.pop("differences", ())
    )
    return Symptom(**{**content, "outcome": Outcome(content["outcome"]), "differences": differences})


@cache
def _sources() -> str:
    """Return a hash of the decoder's sources and of what a symptom holds: others are of no use."""
    whole = hashlib.sha256(" ".join(field.name for field in fields(Symptom)).encode())
    for module in (*FUNCTIONS, "entropy.tables", "entropy.kernel_tables"):
        whole.update(source_of(module).encode())
    return whole.hexdigest()[:8]


@cache
def _key(cause: Cause) -> str:
    change = f"{cause.mutant.before}=>{cause.mutant.after}"
    return f"{cause.id} {_sources()} {hashlib.sha256(change.encode()).hexdigest()[:8]}"


@cache
def _digest(streams: tuple[bytes, ...]) -> str:
    """Hash streams; that of one stream does not depend on how many there could be."""
    whole = streams[0] if len(streams) == 1 else b"".join(hashlib.sha256(stream).digest() for stream in streams)
    return hashlib.sha256(whole).hexdigest()[:16]
