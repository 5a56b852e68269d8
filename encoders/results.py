"""``encoder-results.json``: what a run of encoders found; the same bytes on every machine."""

from typing import Any, Final, Literal

from pydantic import Field, model_validator

from nnc_conformance.encoders.encoder_spec import MAX_ERROR_STEPS, EncoderSpec
from nnc_conformance.storage.documents import Frozen, Sha256, canonical_json
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome
from nnc_conformance.suites.results.result import (
    MESSAGE_LENGTH,
    ChoiceMade,
    Closing,
    JudgedCase,
    Verdict,
    missing_cases,
    require_consistent,
)
from nnc_conformance.suites.results.run_document import CaseLog
from nnc_conformance.suites.sandbox.limits import Limits

RESULTS_FILE: Final = "encoder-results.json"
RUN_FILE: Final = "encoder-run.json"
"""Names of the files of a run of encoders in its folder."""


class TensorFault(Frozen):
    """What is wrong with one tensor that a stream decodes to.

    Attributes:
        tensor: Name of the tensor.
        kind: ``missing``, ``unexpected``, ``shape``, ``type`` or ``values``.
        text: What was expected and what the stream gives.
    """

    tensor: str
    kind: Literal["missing", "unexpected", "shape", "type", "values"]
    text: str = Field(max_length=MESSAGE_LENGTH)


class EncoderCaseResult(JudgedCase):
    """Result of one case on one encoder.

    It does not depend on when, where or how fast it ran.
    """

    case: str
    group: str
    title: str
    encoder: str
    options: dict[str, str]
    message: str = Field(default="", max_length=MESSAGE_LENGTH)
    fault: Fault | None = Field(default=None, description="kind of fault that the harness found, from the closed table")
    refused: bool = Field(default=False, description="whether the encoder refused what it may refuse")
    step: int | None = Field(default=None, description="step of a session at which it was found, 0 is the first")
    rule: str = Field(default="", description="the first broken rule; empty if none is")
    element: str = Field(default="", description="syntax element that is broken or suspected; empty if none is")
    clause: str = ""
    unit: int | None = None
    byte: int | None = None
    choices: tuple[ChoiceMade, ...] = ()
    tensors: tuple[TensorFault, ...] = Field(default=(), description="the first few wrong tensors")
    max_error_steps: float | None = Field(default=None, description="largest error of a quantized value, in steps")
    mean_squared_error: float | None = Field(default=None, description="of all quantized values")
    sizes: tuple[int, ...] = Field(default=(), description="bytes of the stream of each step")
    reference_sizes: tuple[int, ...] = Field(default=(), description="bytes of the reference encoder's streams; empty if it makes none")
    stream_sha256: tuple[Sha256, ...] = ()
    capabilities: tuple[str, ...] = Field(default=(), description="what a decoder needs for the streams, as far as they were validated")

    @property
    def id(self) -> str:
        """Id of the case: CASE@ENCODER."""
        return case_id(self.case, self.encoder)


def case_id(case: str, encoder: str) -> str:
    """Return the id of a case on an encoder."""
    return f"{case}@{encoder}"


class EncoderIdentity(Frozen):
    """The encoder that was judged, as its encoder.toml describes it.

    Attributes:
        options: Names of the options that it can be asked for, sorted.
        updates: Whether it encodes updates.
        max_error_steps: The error allowed, in steps, without ``rdo`` 0.
    """

    name: str
    version: str
    kind: str
    options: tuple[str, ...]
    updates: bool
    max_error_steps: float = MAX_ERROR_STEPS

    @classmethod
    def of(cls, encoder: EncoderSpec) -> "EncoderIdentity":
        """Return the encoder as results name it."""
        return cls(
            name=encoder.name,
            version=encoder.version,
            kind=encoder.kind,
            options=tuple(sorted(encoder.options)),
            updates=encoder.updates,
            max_error_steps=encoder.max_error_steps,
        )


class EncoderResults(Frozen):
    """Content of ``encoder-results.json``.

    Cases are in the order of encoders and of their plan. ``closing`` is None if the run did not
    end.
    """

    format: Literal["nnc-encoder-results/1"] = "nnc-encoder-results/1"
    encoders: tuple[EncoderIdentity, ...]
    filters: tuple[str, ...] = ()
    repeat: int = Field(ge=2, description="times that each case was run")
    planned: tuple[str, ...]
    cases: tuple[EncoderCaseResult, ...]
    closing: Closing | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "EncoderResults":
        require_consistent(self.planned, self.cases, self.closing)
        return self

    def of(self, encoder: str) -> tuple[EncoderCaseResult, ...]:
        """Return the cases of one encoder."""
        return tuple(case for case in self.cases if case.encoder == encoder)

    def unjudged(self) -> tuple[str, ...]:
        """Return the names of encoders of which no stream was judged."""
        judged = {case.encoder for case in self.cases if case.outcome in (Outcome.PASS, Outcome.CHOICE, Outcome.FAIL) and not case.refused}
        return tuple(encoder.name for encoder in self.encoders if encoder.name not in judged)

    def incomplete_because(self) -> str:
        """Return why the run is incomplete; "" if it is complete."""
        if because := missing_cases(self.planned, self.cases, self.closing):
            return because
        return f"no stream could be judged for {', '.join(self.unjudged())}" if self.unjudged() else ""

    @property
    def verdict(self) -> Verdict:
        """The verdict; a failed case outweighs cases that were not run."""
        if self.closing is not None and any(OUTCOMES[case.outcome].fails for case in self.cases):
            return Verdict.FAILED
        return Verdict.INCOMPLETE if self.incomplete_because() else Verdict.AS_EXPECTED


class EncoderRunDocument(Frozen):
    """Content of ``encoder-run.json``: how a run went; everything that may differ from run to run."""

    format: Literal["nnc-encoder-run/1"] = "nnc-encoder-run/1"
    results_sha256: Sha256
    encoders: dict[str, str] = Field(description="commands by name")
    arguments: dict[str, str] = Field(default_factory=dict, description="``--encoder`` arguments by name")
    started: str
    finished: str
    host: str
    platform: str
    python: str
    versions: dict[str, str]
    jobs: int
    load: str = Field(default="", description="load average of this machine during the run, and its number of CPUs")
    scheduler: str = ""
    limits: Limits
    network: str
    processes: str = ""
    logs: dict[str, CaseLog]
    reproduce: dict[str, str]


def schema() -> str:
    """Return the JSON Schema (draft 2020-12) of `EncoderResults`."""
    value: dict[str, Any] = EncoderResults.model_json_schema(mode="serialization")
    return canonical_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **value})


if __name__ == "__main__":
    print(schema(), end="")
