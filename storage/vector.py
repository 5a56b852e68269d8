"""The vector: one stream, its expected output, and its purpose (``vectors/LEVEL/ID/vector.json``).

The folder of a vector holds ``stream.nnr``, ``expected.safetensors`` (except for a negative vector
of policy ``must``), ``topology.bin`` if the stream carries a topology, and for a disputed vector
one ``choice-SWITCH-CHOICE.safetensors`` per choice.
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
    """Levels of the suite; ``disputed`` and ``inferred`` never count in a certificate."""

    CORE = "core"
    FULL = "full"
    NEGATIVE = "negative"
    STRESS = "stress"
    MODELS = "models"
    DISPUTED = "disputed"
    INFERRED = "inferred"


VectorId = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]


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
    """The rule (``syntax.rules``) that a negative vector breaks; for policy ``may``, ``expected`` is the lenient output."""

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


class Vector(Frozen):
    """The description of one vector, without the bytes of its files."""

    format: Literal["nnc-vector/1"] = VECTOR_FORMAT
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
    """``manifest.json`` of a suite folder: its vectors, sorted by level and id, and retired ids,
    which are never reused.
    """

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
    "multiple-elements": "several topology elements in a unit other than a BLOCK",
}
"""The closed list of capabilities that a decoder may declare, each with its meaning."""
