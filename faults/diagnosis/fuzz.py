"""Fuzzing by syntax.

Streams are changed, those that reach new coverage goals are kept, and failures are shrunk and filed
as vectors.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final, Literal

from pydantic import ValidationError

from nnc_conformance.faults.diagnosis.filed_vectors import file_vector, vector_of
from nnc_conformance.faults.diagnosis.mutations import Draws, mutated
from nnc_conformance.faults.diagnosis.shrink import DecodeStream, Failure, Judge, shrink
from nnc_conformance.generator.building import RecipeError
from nnc_conformance.generator.coverage.goals import Key
from nnc_conformance.generator.coverage.measure import measure
from nnc_conformance.generator.facts import met_in
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.storage import outputs
from nnc_conformance.storage.documents import Frozen, canonical_json, sha256
from nnc_conformance.storage.inputs import read_regular
from nnc_conformance.suites.decoders.execution import DecoderEnding, Execution
from nnc_conformance.suites.judging.compare import compare
from nnc_conformance.suites.results.outcomes import Outcome

STATE_FILE: Final = "fuzz.json"
CORPUS: Final = "corpus"
FINDINGS: Final = "findings"
UNFILED: Final = "unfiled"
MOST_BYTES: Final = 1 << 14
STATE_BYTES: Final = 1 << 24
LIMITS: Final = DecodeLimits(elements=1 << 16, total_bytes=1 << 22, seconds=2.0)
"""Limits of the reference decoder when it looks for new goals; a stream that exceeds them is not
kept.
"""
SHRINK_SECONDS: Final = 300.0
SHRINK_TRIES: Final = 400


class FuzzError(NNCError):
    """The folder holds another run, or there is no stream to start from."""


class Finding(Frozen):
    """One failure.

    Args:
        file: Where the stream is filed, below the folder of the run.
        failure: How the decoder fails.
        found: Bytes of the stream as found.
        shrunk: Bytes of the stream as filed.
        execution: Number of the execution that found it.
    """

    file: str
    failure: str
    found: int
    shrunk: int
    execution: int


class State(Frozen):
    """State of a fuzzing run, from which it is continued.

    Attributes:
        decoders: The decoders as given.
        seed: Seed of all random choices.
        seeds: Hash of the streams that it started from.
        executions: Streams tried so far.
        goals: Coverage goals reached so far.
        findings: What was found.
        classes: Classes of failures that have a finding.
    """

    format: Literal["nnc-fuzz/1"] = "nnc-fuzz/1"
    decoders: tuple[str, ...]
    seed: int
    seeds: str
    executions: int = 0
    goals: int = 0
    findings: tuple[Finding, ...] = ()
    classes: tuple[str, ...] = ()


@dataclass
class Fuzzer:
    """A fuzzing run.

    The same seed, streams and decoder give the same run, however often it is stopped.

    Args:
        folder: The folder of the run.
        judge: Tells how the decoder fails on a stream.
        state: The state of the run.
        corpus: The streams that new ones are made from.
        met: The coverage goals that these meet.
    """

    folder: Path
    judge: Judge
    state: State
    corpus: list[bytes] = field(default_factory=list)
    met: set[Key] = field(default_factory=set)

    @classmethod
    def open(cls, folder: Path, judge: Judge, decoders: Sequence[str], seed: int, seeds: Iterable[bytes]) -> "Fuzzer":
        """Start a run, or resume the one in the folder.

        Raise `FuzzError` if that is another run, or no seed is small enough.
        """
        begin = [stream for stream in seeds if 0 < len(stream) <= MOST_BYTES]
        if not begin:
            raise FuzzError(f"no stream of at most {MOST_BYTES} bytes to start from")
        fresh = State(decoders=tuple(decoders), seed=seed, seeds=sha256(b"".join(begin)))
        state = _read(folder / STATE_FILE) or fresh
        if (state.decoders, state.seed, state.seeds) != (fresh.decoders, fresh.seed, fresh.seeds):
            raise FuzzError(f"{folder} holds a run with other decoders, streams or another seed; choose another folder")
        (folder / CORPUS).mkdir(parents=True, exist_ok=True)
        made = cls(folder, judge, state)
        kept = sorted((folder / CORPUS).glob("*.nnr")) if state.executions else []
        for stream in [*begin, *(read_regular(path, max_bytes=MOST_BYTES) for path in kept)]:
            made.corpus.append(stream)
            made.met |= _goals(stream)
        return made

    def run(self, executions: int, seconds: float) -> Iterator[Finding | None]:
        """Run until ``executions`` are done in all or ``seconds`` are over.

        Yield the finding after each, or None.
        """
        end = monotonic() + seconds
        tried = {sha256(stream) for stream in self.corpus}
        while self.state.executions < executions and monotonic() < end:
            number = self.state.executions
            draws = Draws(Numbers(self.state.seed, f"fuzz-{number}"))
            stream = mutated(draws.of(self.corpus), draws.of(self.corpus), draws)
            digest = sha256(stream)
            finding = None
            if digest not in tried and 0 < len(stream) <= MOST_BYTES:
                tried.add(digest)
                self._keep(stream, number)
                finding = self._look(stream, number)
            findings = self.state.findings if finding is None else (*self.state.findings, finding)
            self.state = self.state.model_copy(update={"executions": number + 1, "goals": len(self.met), "findings": findings})
            if finding is not None:
                self.save()
            yield finding
        self.save()

    def save(self) -> None:
        """Write the state of the run."""
        outputs.write_text(self.folder / STATE_FILE, canonical_json(self.state.model_dump(mode="json")))

    def _keep(self, stream: bytes, number: int) -> None:
        """Add a stream to the corpus and its folder if it meets a new goal.

        Args:
            stream: The stream.
            number: Number of the execution, which names its file.
        """
        new = _goals(stream) - self.met
        if new:
            self.met |= new
            self.corpus.append(stream)
            outputs.write_bytes(self.folder / CORPUS / f"{number:08}.nnr", stream)

    def _look(self, stream: bytes, number: int) -> Finding | None:
        """Shrink and file a stream that fails in a new way; return the finding.

        It is None without a failure, or for one of a class seen before.

        Args:
            stream: The stream.
            number: Number of the execution.
        """
        failure = self.judge(stream)
        if failure is None or _class_of(stream, failure) in self.state.classes:
            return None
        small = shrink(stream, self.judge, seconds=SHRINK_SECONDS, tries=SHRINK_TRIES).stream
        classes = dict.fromkeys((*self.state.classes, _class_of(stream, failure)))
        known = _class_of(small, failure) in classes and _class_of(small, failure) != _class_of(stream, failure)
        classes[_class_of(small, failure)] = None
        self.state = self.state.model_copy(update={"classes": tuple(classes)})
        if known:
            return None
        return Finding(
            file=self._file(small, failure, number), failure=str(failure), found=len(stream), shrunk=len(small), execution=number
        )

    def _file(self, stream: bytes, failure: Failure, number: int) -> str:
        """File a stream as a vector and return where.

        If the reference does not say clearly what the stream must give, file the stream alone.
        """
        name = f"fuzz-{self.state.seed}-{number}"
        try:
            vector = file_vector(self.folder / FINDINGS, vector_of(stream, name, failure, " and ".join(self.state.decoders)))
        except RecipeError:
            (self.folder / UNFILED).mkdir(exist_ok=True)
            outputs.write_bytes(self.folder / UNFILED / f"{name}.nnr", stream)
            return f"{UNFILED}/{name}.nnr"
        return f"{FINDINGS}/{vector.level}/{vector.id}"


def _goals(stream: bytes) -> set[Key]:
    return set(measure(stream, limits=LIMITS).counts)


def _class_of(stream: bytes, failure: Failure) -> str:
    """Return the class of a failure: how the decoder fails, and the tools that the stream uses."""
    facts = met_in(stream)
    error = facts.error.rule if facts.error is not None else ""
    return f"{failure}; {' '.join(facts.flags)}; {error}"


def _read(file: Path) -> State | None:
    """Read the saved state of a fuzzing run; None if the file does not exist.

    Raises `FuzzError` if the file is something else.
    """
    if not file.exists():
        return None
    try:
        return State.model_validate_json(read_regular(file, max_bytes=STATE_BYTES))
    except ValidationError:
        raise FuzzError(f"{file} is not the state of a fuzzing run") from None


def differing(first: DecodeStream, second: DecodeStream) -> Judge:
    """Return a judge that fails streams on which two decoders end or decode differently."""

    def judge(stream: bytes) -> Failure | None:
        """Return a failure if the two decoders end differently or give different outputs."""
        one, other = first(stream), second(stream)
        if one.ending is not other.ending:
            return Failure(Outcome.FAIL, f"{one.ending} and {other.ending}")
        if one.ending is not DecoderEnding.DECODED:
            return None
        differences = compare(one.tensors or {}, other.tensors or {})
        if differences:
            return Failure(Outcome.FAIL, f"outputs differ: {differences[0].kind}")
        return Failure(Outcome.FAIL, "topologies differ") if _topologies_differ(one, other) else None

    return judge


def _topologies_differ(one: Execution, other: Execution) -> bool:
    return bool(one.topology and other.topology and one.topology != other.topology)
