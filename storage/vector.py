"""The vector: its streams, their expected output, and its purpose
(``vectors/LEVEL/ID/vector.json``).

The folder of a `Vector` holds ``stream.nnr``, ``expected.safetensors`` (except for a negative
vector of policy ``must``), ``topology.bin`` if the stream carries a topology, and for a disputed
vector one ``choice-SWITCH-CHOICE.safetensors`` per choice. The folder of a `SessionVector` holds
these for each step N as ``step-N.nnr``, ``step-N-expected.safetensors`` and
``step-N-topology.bin``, and ``step-N-model.safetensors`` where the model after the step differs
from what its stream codes.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal, get_args

from pydantic import Field, WithJsonSchema, model_validator

from nnc_conformance.reference.errors import Category
from nnc_conformance.reference.syntax.rules import Policy, Provenance
from nnc_conformance.storage.documents import Frozen, Sha256

STREAM_FILE: Final = "stream.nnr"
EXPECTED_FILE: Final = "expected.safetensors"
TOPOLOGY_FILE: Final = "topology.bin"
VECTOR_FILE: Final = "vector.json"
"""Names of the files in a vector's folder."""
MANIFEST_FILE: Final = "manifest.json"
"""Name of the manifest in a suite's folder."""

_STEP_FILES: Final = re.compile(r"step-(\d+)\.nnr")


def step_files(folder: Path) -> tuple[Path, ...]:
    """Return the streams of a vector of several steps in order; none without such files."""
    found = [(int(match[1]), path) for path in folder.iterdir() if (match := _STEP_FILES.fullmatch(path.name))]
    return tuple(path for _, path in sorted(found))


Edition = Literal[2022, 2024]
"""An edition of the standard, by its year."""
EDITIONS: Final[tuple[Edition, ...]] = get_args(Edition)


class Level(StrEnum):
    """Levels of the suite; ``disputed``, ``inferred`` and ``huge`` never count in a certificate."""

    CORE = "core"
    FULL = "full"
    NEGATIVE = "negative"
    STRESS = "stress"
    MODELS = "models"
    DISPUTED = "disputed"
    INFERRED = "inferred"
    HUGE = "huge"


FirstLevel = Annotated[
    Level,
    WithJsonSchema(
        {
            "description": "Levels of the suite; ``disputed`` and ``inferred`` never count in a certificate.",
            "enum": [level.value for level in Level if level is not Level.HUGE],
            "title": "Level",
            "type": "string",
        }
    ),
]
"""A level in documents of format 1, which have no vectors of level huge."""


VectorId = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
"""The id of a vector: words of lower-case letters and digits, joined by single hyphens."""


class StoredFile(Frozen):
    """A file in the folder of a vector: name, size in bytes, SHA-256."""

    name: str
    size: int = Field(ge=0)
    sha256: Sha256

    @model_validator(mode="after")
    def _plain_name(self) -> "StoredFile":
        if PurePosixPath(self.name).name != self.name or self.name in ("", ".", ".."):
            raise ValueError(f"file name {self.name!r} is not a plain name")
        return self


class NegativeSpec(Frozen):
    """The rule (``syntax.rules``) that a negative vector breaks.

    For policy ``may``, ``expected`` is the lenient output.
    """

    rule: str
    policy: Policy
    category: Category


class DisputedChoice(Frozen):
    """The output of a disputed vector under one choice of one switch of `Interpretation`.

    ``expected`` is None if that choice refuses the stream.
    """

    switch: str
    choice: str
    expected: StoredFile | None


class Step(Frozen):
    """One stream of a vector and what becomes of it.

    Attributes:
        stream: The stream.
        expected: What the stream codes; None if it must be refused.
        topology: The topology that the stream carries, if any.
        model: Parameters of the model after the step, only where they differ from ``expected``.
    """

    stream: StoredFile
    expected: StoredFile | None
    topology: StoredFile | None = None
    model: StoredFile | None = None


class VectorBase(Frozen):
    """What vectors of both formats have in common."""

    id: VectorId
    revision: int = Field(ge=1)
    level: Level
    title: str = Field(min_length=1)
    tests: str = Field(min_length=1, description="what it tests, in one sentence")
    catches: str = Field(min_length=1, description="the decoder bug that it is meant to catch")
    clauses: tuple[str, ...] = Field(min_length=1)
    flags: tuple[str, ...] = Field(description="capabilities that a decoder needs for it, from the closed list CAPABILITIES, sorted")
    elements: tuple[str, ...] = Field(description="syntax elements that the reference decoder found in it, sorted")
    goals: tuple[str, ...] = ()
    tolerance: Literal["bit-exact"] = "bit-exact"
    provenance: Provenance
    negative: NegativeSpec | None = None
    choices: tuple[DisputedChoice, ...] = ()
    network: str | None = Field(default=None, description="for level models: the network in generator/networks whose accuracy is measured")


class Vector(VectorBase):
    """The description of a vector of one stream of the first edition.

    It does not contain the bytes of its files.
    """

    format: Literal["nnc-vector/1"] = "nnc-vector/1"
    level: FirstLevel
    stream: StoredFile
    expected: StoredFile | None
    topology: StoredFile | None = None

    @model_validator(mode="after")
    def _level_of_format(self) -> "Vector":
        if self.level is Level.HUGE:
            raise ValueError(f"a vector of level {self.level} has format nnc-vector/2")
        return self

    @property
    def edition(self) -> Edition:
        """The edition of the standard that the vector tests."""
        return 2022

    @property
    def steps(self) -> tuple[Step, ...]:
        """Its stream as the only step."""
        return (Step(stream=self.stream, expected=self.expected, topology=self.topology),)


class SessionVector(VectorBase):
    """The description of a vector of one or more streams.

    It does not contain the bytes of its files.

    Vectors of the second edition, and those of level huge.

    Rule, choices and network concern the last step; the steps before it must be decoded.
    """

    format: Literal["nnc-vector/2"] = "nnc-vector/2"
    edition: Edition
    steps: tuple[Step, ...] = Field(min_length=1, description="streams in the order in which a decoder gets them")

    @model_validator(mode="after")
    def _earlier_steps_decode(self) -> "SessionVector":
        """Raise `ValueError` if a step other than the last has no expected output."""
        for number, step in enumerate(self.steps[:-1]):
            if step.expected is None:
                raise ValueError(f"step {number} has no expected output, which only the last step may lack")
        return self


AnyVector = Annotated[Vector | SessionVector, Field(discriminator="format")]
"""A vector of either format, which its ``format`` tells apart."""


class ManifestEntry(Frozen):
    """One vector in the manifest: id, level, revision, SHA-256 of its vector.json."""

    id: VectorId
    level: Level
    revision: int = Field(ge=1)
    sha256: Sha256


class Manifest(Frozen):
    """``manifest.json`` of a suite folder.

    It has its vectors, sorted by level and id, and retired ids, which are never reused.
    """

    format: Literal["nnc-suite/1"] = "nnc-suite/1"
    vectors: tuple[ManifestEntry, ...]
    retired: tuple[VectorId, ...] = ()


@dataclass(frozen=True)
class Capability:
    """A capability that a decoder may declare.

    Args:
        meaning: What it covers.
        edition: The edition of the standard that brought it.
        uncounted: What of it no good vector of core or full shows, and the inferred or disputed
            fact that is the reason; empty if all of it counts.
    """

    meaning: str
    edition: Edition = 2022
    uncounted: str = ""


CAPABILITIES: Final[dict[str, Capability]] = {
    "int": Capability("NNR_PT_INT payloads"),
    "float": Capability("NNR_PT_FLOAT payloads"),
    "raw-float": Capability("NNR_PT_RAW_FLOAT payloads"),
    "block": Capability("NNR_PT_BLOCK payloads"),
    "block-dc": Capability(
        "decomposed weights (G, H) in a BLOCK or sent singly",
        uncounted="the dimensions of a G or H sent singly are inferred",
    ),
    "dq": Capability("dependent quantization"),
    "codebook": Capability("codebooks"),
    "block-scan": Capability("scan orders 1 to 4 with entry points"),
    "lps": Capability("NNR_LPS units"),
    "qnt": Capability("NNR_QNT units"),
    "aggregate": Capability(
        "NNR_AGG units",
        uncounted="nnr_aggregate_unit_header() is inferred",
    ),
    "topology": Capability(
        "NNR_TPL units, the topology given out as carried",
        uncounted="where topology_data ends is disputed: only data that reads alike both ways counts",
    ),
    "deflate": Capability(
        "deflated topology or quantization data",
        uncounted="where topology_data and quantization_data end is disputed, and no deflated data reads alike both ways",
    ),
    "pruning": Capability(
        "NNR_TPL_PRUN",
        uncounted="nnr_pruning_topology_container() is inferred",
    ),
    "indexed-reference": Capability("NNR_TPL_REFLIST and ids by index"),
    "performance-map": Capability(
        "performance maps in parameter sets",
        uncounted="the number of entries of a map is disputed: only maps that read alike both ways count",
    ),
    "data-format": Capability(
        "nnr_decompressed_data_format converts the output",
        uncounted="conversion to another format than the payload's own is inferred",
    ),
    "partial-data": Capability(
        "tensors split over units by partial_data_counter",
        uncounted="how several pieces are joined is inferred: only sets of one piece count",
    ),
    "multiple-elements": Capability(
        "several topology elements in a unit other than a BLOCK",
        uncounted="topology_tensor_dimension_mapping() is inferred",
    ),
    "second-edition": Capability("profile 1 headers, reduced value set coding", 2024),
    "row-skip": Capability("row skipping", 2024),
    "updates": Capability("update streams: differences to a base model", 2024),
    "tca": Capability("temporal context adaptation (needs updates)", 2024),
    "hdsp": Capability("history dependent significance (needs updates)", 2024),
    "apply-updates": Capability("the model after an update given out", 2024),
    "pre": Capability("predictive residual encoding", 2024),
    "dimension-shift": Capability("first_tensor_dimension_shift", 2024),
}
"""The closed list of capabilities that a decoder may declare."""


def capabilities_of(*editions: Edition) -> tuple[str, ...]:
    """Return the capabilities that these editions brought, sorted."""
    return tuple(sorted(name for name, capability in CAPABILITIES.items() if capability.edition in editions))
