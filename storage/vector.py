"""The vector: one stream, what it must decode to, and what it is there to show (``vectors/LEVEL/ID/vector.json``).

A vector's folder holds ``stream.nnr``, ``expected.safetensors`` (none for a negative vector of policy ``must``),
``topology.bin`` when the stream carries a topology, and for a disputed vector one ``choice-SWITCH-CHOICE.safetensors``
for each choice.
"""

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from nnc_conformance.reference.errors import Category
from nnc_conformance.reference.syntax.rules import Policy, Provenance
from nnc_conformance.storage.documents import Frozen, Sha256

VECTOR_FORMAT: Final = "nnc-vector/1"
STREAM_FILE: Final = "stream.nnr"
EXPECTED_FILE: Final = "expected.safetensors"
TOPOLOGY_FILE: Final = "topology.bin"
VECTOR_FILE: Final = "vector.json"
MANIFEST_FILE: Final = "manifest.json"


class Level(StrEnum):
    """The suite's levels; a certificate never counts ``disputed`` and ``inferred``."""

    CORE = "core"
    FULL = "full"
    NEGATIVE = "negative"
    STRESS = "stress"
    MODELS = "models"
    DISPUTED = "disputed"
    INFERRED = "inferred"


VectorId = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]


class StoredFile(Frozen):
    """A file of the vector's folder: name, size in bytes, SHA-256."""

    name: str
    size: int = Field(ge=0)
    sha256: Sha256

    @model_validator(mode="after")
    def _plain_name(self) -> "StoredFile":
        if PurePosixPath(self.name).name != self.name or self.name in ("", ".", ".."):
            raise ValueError(f"file name {self.name!r} is not a plain name")
        return self


class NegativeSpec(Frozen):
    """The rule (``syntax.rules``) that a negative vector breaks; ``expected`` then holds the lenient output of a ``may`` vector."""

    rule: str
    policy: Policy
    category: Category


class DisputedChoice(Frozen):
    """What a disputed vector decodes to under one choice of one switch of `Interpretation`.

    ``expected`` is None where that choice refuses the stream.
    """

    switch: str
    choice: str
    expected: StoredFile | None


class Vector(Frozen):
    """Everything that is known of one vector but its bytes."""

    format: Literal["nnc-vector/1"] = VECTOR_FORMAT
    id: VectorId
    revision: int = Field(ge=1)
    level: Level
    title: str = Field(min_length=1)
    tests: str = Field(min_length=1, description="what it tests, in one sentence")
    catches: str = Field(min_length=1, description="the decoder bug it is there to catch")
    clauses: tuple[str, ...] = Field(min_length=1)
    flags: tuple[str, ...] = Field(description="capabilities a decoder needs for it, from the closed list CAPABILITIES, sorted")
    elements: tuple[str, ...] = Field(description="syntax elements the reference decoder met in it, sorted")
    goals: tuple[str, ...] = ()
    tolerance: Literal["bit-exact"] = "bit-exact"
    provenance: Provenance
    stream: StoredFile
    expected: StoredFile | None
    topology: StoredFile | None = None
    negative: NegativeSpec | None = None
    choices: tuple[DisputedChoice, ...] = ()
    network: str | None = Field(default=None, description="for level models: the network in generator/networks whose accuracy is measured")


class ManifestEntry(Frozen):
    """One vector in the manifest: id, level, revision, SHA-256 of its vector.json."""

    id: VectorId
    level: Level
    revision: int = Field(ge=1)
    sha256: Sha256


class Manifest(Frozen):
    """``manifest.json`` of a suite folder: its vectors, sorted by level and id, and the ids that were once used and never are again."""

    format: Literal["nnc-suite/1"] = "nnc-suite/1"
    vectors: tuple[ManifestEntry, ...]
    retired: tuple[VectorId, ...] = ()


CAPABILITIES: Final[dict[str, str]] = {
    "int": "NNR_PT_INT payloads",
    "float": "NNR_PT_FLOAT payloads",
    "raw-float": "NNR_PT_RAW_FLOAT payloads",
    "block": "NNR_PT_BLOCK payloads",
    "block-dc": "decomposed weights (G, H) in a BLOCK or sent singly",
    "dq": "dependent quantization",
    "codebook": "codebooks",
    "block-scan": "scan orders 1 to 4 with entry points",
    "lps": "NNR_LPS units",
    "qnt": "NNR_QNT units",
    "aggregate": "NNR_AGG units",
    "topology": "NNR_TPL units, the topology given out as carried",
    "deflate": "deflated topology or quantization data",
    "pruning": "NNR_TPL_PRUN",
    "indexed-reference": "NNR_TPL_REFLIST and ids by index",
    "performance-map": "performance maps in parameter sets",
    "data-format": "nnr_decompressed_data_format converts the output",
    "partial-data": "tensors split over units by partial_data_counter",
    "multiple-elements": "several topology elements in a unit that is no BLOCK",
}
"""The closed list of what a decoder may declare, each with its meaning."""
