"""What a run found (``results.json``, the same bytes wherever it runs) and how it went (``run.json``)."""

import base64
import hashlib
import zlib
from collections import Counter
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, ValidationError, model_validator

from nnc_conformance.reference.errors import Category, ModelError, NNCError
from nnc_conformance.reference.syntax.rules import Policy, Provenance
from nnc_conformance.storage import atomic, canonical_json
from nnc_conformance.storage.tensors import read_regular
from nnc_conformance.storage.vector import Frozen, Level, Sha256, VectorId
from nnc_conformance.suites.decoders.faults import Fault
from nnc_conformance.suites.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.sandbox import Limits

RESULTS_FILE: Final = "results.json"
RUN_FILE: Final = "run.json"
RESULTS_BYTES: Final = 1 << 30
MESSAGE_LENGTH: Final = 500
KEPT_BYTES: Final = 1 << 14
"""The output of a failing case is kept in ``run.json`` up to so many bytes, deflated, for `explain`."""


class ResultsError(NNCError):
    """A results or run file cannot be read, or contradicts itself."""


class ExitCode(IntEnum):
    """What a command returns to the shell."""

    AS_EXPECTED = 0
    FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    INTERNAL = 4


class Verdict(StrEnum):
    """What a whole run says."""

    AS_EXPECTED = "as_expected"
    FAILED = "failed"
    INCOMPLETE = "incomplete"

    @property
    def exit_code(self) -> ExitCode:
        """The command's exit code."""
        return ExitCode[self.name]


class DifferenceKind(StrEnum):
    """How a decoded tensor departs from the expected one."""

    MISSING = "missing"
    EXTRA = "extra"
    DTYPE = "dtype"
    SHAPE = "shape"
    VALUE = "value"


class DifferencePicture(Frozen):
    """Where in a tensor, and how far, elements differ.

    ``grid`` lies over the tensor as a matrix (dim 0 by the product of the others; a vector as one row): a digit for each cell, 0 where
    none of its elements differs, else how many of them do in ninths, rounded up. ``distances[b]`` counts the differing elements that
    are b bits apart, which is from 2^(b-1) to 2^b - 1 units in the last place; ``without_distance`` those that are NaN in either.
    """

    grid: tuple[str, ...]
    distances: tuple[int, ...]
    without_distance: int = Field(ge=0)


class TensorDifference(Frozen):
    """One tensor that differs.

    For ``dtype``, ``shape``, ``missing`` and ``extra``, ``expected`` and ``actual`` hold type and shape. For ``value``: ``index`` is
    the first differing element's (in C order), ``expected`` and ``actual`` its values with their bits, ``count`` how many of
    ``elements`` differ, ``max_ulp`` the largest distance in units in the last place among those that are no NaN (None where all are).
    """

    tensor: str
    kind: DifferenceKind
    index: tuple[int, ...] | None = None
    expected: str | None = None
    actual: str | None = None
    count: int = Field(default=0, ge=0)
    elements: int = Field(default=0, ge=0)
    max_ulp: int | None = None
    picture: DifferencePicture | None = Field(default=None, description="of a difference in values")


class Distance(Frozen):
    """How far one set of values is from another: largest and mean absolute difference, norm of the difference over the other's norm,
    and the cosine of both as vectors. Rounded to 6 significant digits; None where a figure is not finite.
    """

    max_error: float | None
    mean_error: float | None
    relative_error: float | None
    cosine: float | None


class LayerDrift(Frozen):
    """How far the output of one node of the main graph is from another run's: the output's name, the node's operator, the distance."""

    output: str
    operator: str
    distance: Distance


class AccuracyRow(Frozen):
    """What a network answers on held data with one set of parameters.

    ``parameters``: ``original`` (before coding), ``reference`` (the reference decoder's) or ``decoded`` (the decoder's under test);
    ``top1``: part of the samples with the right label; ``agreement``: part with the original's answer; ``max_error`` and
    ``mean_error``: largest and mean absolute distance of the outputs to the original's. Rounded to 6 significant digits; None where
    the outputs are not finite.
    """

    network: str
    parameters: Literal["original", "reference", "decoded"]
    samples: int = Field(ge=1)
    top1: float
    agreement: float
    max_error: float | None
    mean_error: float | None
    relative_error: float | None = Field(default=None, description="of the outputs, to the original's")
    cosine: float | None = Field(default=None, description="of the outputs, to the original's")
    to_reference: Distance | None = Field(default=None, description="of decoded parameters: the outputs' distance to the reference's")
    layers: tuple[LayerDrift, ...] = Field(default=(), description="of reference and decoded: each node's distance to the original's")
    first_drift: str | None = Field(
        default=None, description="of decoded parameters: the first node's output that is not the reference's; None where all are"
    )


class ChoiceMade(Frozen):
    """A choice of a disputed switch whose output the decoder gave."""

    switch: str
    choice: str


class CaseResult(Frozen):
    """What became of one vector on one decoder; nothing in it depends on when, where or how fast it ran."""

    vector: VectorId
    revision: int
    level: Level
    decoder: str
    outcome: Outcome
    clauses: tuple[str, ...]
    flags: tuple[str, ...]
    elements: tuple[str, ...]
    provenance: Provenance
    title: str = Field(default="", description="the vector's title")
    catches: str = Field(default="", description="the decoder bug that the vector is there to catch")
    message: str = Field(default="", max_length=MESSAGE_LENGTH)
    fault: Fault | None = Field(default=None, description="what kind of fault the harness found, of the closed table")
    rule: str | None = Field(default=None, description="of a negative vector: the rule that it breaks")
    policy: Policy | None = None
    category_expected: Category | None = None
    category_seen: Category | None = Field(default=None, description="what the decoder, or its map of messages, said of its refusal")
    unit: int | None = Field(default=None, description="where the decoder says that it refused: the unit's number")
    byte: int | None = Field(default=None, description="the byte offset in the stream")
    differences: tuple[TensorDifference, ...] = Field(default=(), description="the first of them; names in order")
    tensors_differing: int = 0
    choices: tuple[ChoiceMade, ...] = ()
    accuracy: tuple[AccuracyRow, ...] = ()
    output_sha256: Sha256 | None = Field(default=None, description="of the decoded tensors, as `storage` writes them")
    topology_sha256: Sha256 | None = None

    @property
    def id(self) -> str:
        """The case's id, VECTOR@DECODER."""
        return case_id(self.vector, self.decoder)

    @property
    def first_difference(self) -> TensorDifference | None:
        """The first of `differences`."""
        return self.differences[0] if self.differences else None


def case_id(vector: str, decoder: str) -> str:
    """Returns the id of a vector's case on a decoder."""
    return f"{vector}@{decoder}"


class DecoderIdentity(Frozen):
    """Who was judged: name, version, kind and capabilities (sorted; all, where ``declared`` says that it declares none)."""

    name: str
    version: str
    kind: str
    capabilities: tuple[str, ...]
    declared: bool = True


class SuiteIdentity(Frozen):
    """What it was judged by: the SHA-256 of ``manifest.json``, the levels and filters that chose the cases, and the repeats of each."""

    manifest_sha256: Sha256
    levels: tuple[Level, ...]
    filters: tuple[str, ...] = ()
    repeat: int = Field(default=1, ge=1)


class Closing(Frozen):
    """The closing record: a file without it is not whole."""

    planned: int
    executed: int
    counts: dict[Outcome, int]
    cases_sha256: Sha256


def _cases_sha256(cases: tuple[CaseResult, ...]) -> str:
    return hashlib.sha256(canonical_json.dumps([case.model_dump(mode="json") for case in cases]).encode()).hexdigest()


def close(planned: tuple[str, ...], cases: tuple[CaseResult, ...]) -> Closing:
    """Returns the closing record of ``cases``; every outcome is counted, those that did not occur as 0."""
    counts = Counter(case.outcome for case in cases)
    executed = sum(not OUTCOMES[case.outcome].incomplete for case in cases)
    return Closing(
        planned=len(planned),
        executed=executed,
        counts={outcome: counts[outcome] for outcome in Outcome},
        cases_sha256=_cases_sha256(cases),
    )


class Suspect(Frozen):
    """A syntax element in which a decoder's fault may lie.

    ``what`` of it the failing vectors share: ``met``, or a class or bound of its values; ``score`` how well that fits, 1 where exactly the
    failing vectors have it (rounded); ``failing`` and ``passing`` vectors have it.
    """

    element: str
    clause: str
    what: str
    score: float = Field(ge=0, le=1)
    failing: int = Field(ge=0)
    passing: int = Field(ge=0)

    def __str__(self) -> str:
        return f"{self.element} (clause {self.clause}{'' if self.what == 'met' else f'; {self.what}'})"


class Located(Frozen):
    """Where a decoder's fault most likely lies: elements, the likeliest first."""

    decoder: str
    suspects: tuple[Suspect, ...] = Field(min_length=1)
    together: bool = Field(default=False, description="the first two fit where they meet, and neither alone")

    @property
    def named(self) -> tuple[Suspect, ...]:
        """The suspects that fit as well as the first."""
        return self.suspects[:2] if self.together else tuple(one for one in self.suspects if one.score == self.suspects[0].score)

    def __str__(self) -> str:
        return f"The fault is most likely in {(' with ' if self.together else ' or ').join(map(str, self.named))}."


class Results(Frozen):
    """``results.json``: cases sorted by decoder and vector; ``closing`` is None where the run did not end."""

    format: Literal["nnc-results/1"] = "nnc-results/1"
    suite: SuiteIdentity
    decoders: tuple[DecoderIdentity, ...]
    planned: tuple[str, ...]
    cases: tuple[CaseResult, ...]
    located: tuple[Located, ...] = Field(default=(), description="of each decoder that fails some good streams and decodes others")
    closing: Closing | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Results":
        ids = [case.id for case in self.cases]
        if len(set(ids)) != len(ids) or len(set(self.planned)) != len(self.planned) or not set(ids) <= set(self.planned):
            raise ValueError("a case is there twice, or was never planned")
        if self.closing is not None and self.closing != close(self.planned, self.cases):
            raise ValueError("the closing record does not fit the cases")
        return self

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many cases had each outcome."""
        return close(self.planned, self.cases).counts

    def unjudged(self) -> tuple[str, ...]:
        """Returns the names of the decoders that have no judged case at all: everything unsupported or not run."""
        silent = {Outcome.UNSUPPORTED, Outcome.NOT_RUN}
        judged = {case.decoder for case in self.cases if case.outcome not in silent}
        return tuple(decoder.name for decoder in self.decoders if decoder.name not in judged)

    def incomplete_because(self) -> str:
        """Returns why the run is not complete, or "" when it is."""
        if self.closing is None:
            return "the results have no closing record"
        missing = len(self.planned) - len(self.cases) + sum(OUTCOMES[case.outcome].incomplete for case in self.cases)
        if missing:
            return f"{missing} of {len(self.planned)} planned cases were not run"
        if not self.planned:
            return "no case was planned"
        return f"no case could be judged of {', '.join(self.unjudged())}" if self.unjudged() else ""

    def verdict(self) -> Verdict:
        """Returns the verdict: without a closing record never more than `INCOMPLETE`; a failed case outweighs cases not run."""
        if self.closing is not None and any(OUTCOMES[case.outcome].fails for case in self.cases):
            return Verdict.FAILED
        return Verdict.INCOMPLETE if self.incomplete_because() else Verdict.AS_EXPECTED


class CaseLog(Frozen):
    """How one case went: seconds of wall and CPU time, the process tree's peak resident bytes, what the decoder said.

    ``detail`` is the decoder's own message, ``stderr`` the end of its standard error, ``left_behind`` how many processes it left,
    ``output`` the tensors that a failing case gave, where they are small: see `kept_output`.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    detail: str = ""
    stderr: str = ""
    left_behind: int = 0
    output: str = ""

    @property
    def kept_output(self) -> bytes | None:
        """The tensors of a failing case as a ``.safetensors`` file; None where none are kept. Raises `ResultsError`."""
        if not self.output:
            return None
        try:
            return zlib.decompressobj().decompress(base64.b64decode(self.output), KEPT_BYTES)
        except (ValueError, zlib.error) as error:
            raise ResultsError(f"the output that is kept of a case cannot be read: {error}") from None

    def keeping(self, output: bytes) -> "CaseLog":
        """This log with the tensors of a failing case (a ``.safetensors`` file), unless they take more than `KEPT_BYTES`."""
        if len(output) > KEPT_BYTES:
            return self
        return self.model_copy(update={"output": base64.b64encode(zlib.compress(output, 9)).decode()})


NO_LOG: Final = CaseLog(seconds=0.0, cpu_seconds=0.0, peak_bytes=0)
"""The log of a case whose decoder was not started."""


class DecoderRun(Frozen):
    """How a decoder was run: its name, and the ``--decoder`` argument and command as given."""

    name: str
    argument: str
    command: str


class RunDocument(Frozen):
    """``run.json``: all that may differ from run to run."""

    format: Literal["nnc-run/1"] = "nnc-run/1"
    results_sha256: Sha256
    suite: str
    decoders: tuple[DecoderRun, ...]
    started: str
    finished: str
    host: str
    platform: str
    python: str
    versions: dict[str, str]
    jobs: int
    scheduler: str = ""
    limits: Limits
    network: str = Field(description='"none" where the decoders had no network, else why they had')
    processes: str = Field(default="", description="what holds a decoder's processes together, so that none outlives the run")
    logs: dict[str, CaseLog]
    reproduce: dict[str, str] = Field(default_factory=dict, description="for each failing case the command that runs it alone")


def results_text(results: Results) -> str:
    """Returns the canonical text of ``results.json``."""
    value: Any = results.model_dump(mode="json")
    return canonical_json.dumps(value)


def write_results(folder: Path, results: Results) -> str:
    """Writes ``results.json`` whole or not at all; returns its SHA-256. Raises `OSError`."""
    text = results_text(results)
    atomic.write_text(folder / RESULTS_FILE, text)
    return hashlib.sha256(text.encode()).hexdigest()


def load_results(path: Path) -> Results:
    """Reads a ``results.json``, or the one in a folder; raises `ResultsError` for what is no results file or contradicts itself."""
    path = path / RESULTS_FILE if path.is_dir() else path
    try:
        return Results.model_validate_json(read_regular(path, max_bytes=RESULTS_BYTES))
    except (ModelError, ValidationError) as error:
        raise ResultsError(f"{path}: {_first_line(error)}") from None


def load_run(path: Path) -> RunDocument:
    """Reads a ``run.json``, or the one in a folder; raises `ResultsError`."""
    path = path / RUN_FILE if path.is_dir() else path
    try:
        return RunDocument.model_validate_json(read_regular(path, max_bytes=RESULTS_BYTES))
    except (ModelError, ValidationError) as error:
        raise ResultsError(f"{path}: {_first_line(error)}") from None


def _first_line(error: ModelError | ValidationError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"
    return str(error)
