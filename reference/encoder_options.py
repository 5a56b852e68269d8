"""Options of the encoder: what the standard leaves open."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

import numpy as np

from nnc_conformance.reference.errors import EncodeError, unknown
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import BI, BN, DC, LS
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.updates.base_model import BaseModel, BlockRecord
from nnc_conformance.reference.updates.encoding import ToolChoice

_TOOLS: Final = ("row_skip", "tca", "hdsp", "pre")
"""Names of the options that are tools of the second edition."""


class CodebookMethod(StrEnum):
    """How to design a codebook.

    A codebook is kept only if it makes the tensor's unit smaller.
    """

    NONE = "none"
    KMEANS = "kmeans"
    INTEGER = "integer"

    @classmethod
    def of(cls, choice: "CodebookMethod | str | bool") -> "CodebookMethod":
        """Return the method for a name, or for True (`INTEGER`) or False; raise `EncodeError`."""
        if isinstance(choice, bool):
            return cls.INTEGER if choice else cls.NONE
        try:
            return cls(choice)
        except ValueError:
            raise EncodeError(unknown("codebook method", choice, cls)) from None


class Effort(StrEnum):
    """What an encode takes time for.

    ``fast`` leaves rates out of the choice of indexes, and fits parameter sets to the first rows of
    a tensor. ``default`` weighs rates by ``rdo``. ``best`` also tries finer steps at which more
    weight on rate gives no more error than the step asked for, and keeps what takes fewest bytes.
    """

    FAST = "fast"
    DEFAULT = "default"
    BEST = "best"

    @classmethod
    def of(cls, choice: "Effort | str") -> "Effort":
        """Return the effort for a name; raise `EncodeError` for another."""
        try:
            return cls(choice)
        except ValueError:
            raise EncodeError(unknown("effort", choice, cls)) from None


WEIGHT_TYPES: Final = (("weight",), ("weight.g", "weight.h"))
"""Types of a block's weight: whole, or decomposed."""
BLOCK_TYPES: Final = (*WEIGHT_TYPES[0], *WEIGHT_TYPES[1], "weight.ls", "bn.beta", "bn.gamma", "bn.mean", "bn.var", "bias")
"""The parts of an NNR_PT_BLOCK in the order of its list of ids."""
_BITS: Final = {
    "weight.g": DC,
    "weight.h": DC,
    "weight.ls": LS,
    "bn.beta": BN,
    "bn.gamma": BN,
    "bn.mean": BN,
    "bn.var": BN,
    "bias": BI,
}
"""The bit of compressed_parameter_types that says that a block has a part; a whole weight has none.
"""


@dataclass(frozen=True)
class Block:
    """The parameter names of one block by their type in `BLOCK_TYPES`.

    The weight is one parameter, or G and H.

    Batch norm with all four parts or none.

    ``dimensions``: of the tensor that G [g_number_of_rows, decomposition_rank] and H stand for; ()
    for a whole weight.
    """

    parts: Mapping[str, str]
    dimensions: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        norms = sum(part.startswith("bn.") for part in self.parts)
        weight = tuple(part for part in self.parts if part.startswith("weight") and part != "weight.ls")
        if tuple(sorted(weight)) not in WEIGHT_TYPES or set(self.parts) - set(BLOCK_TYPES) or norms not in (0, 4):
            raise EncodeError(f"no block has the parts {sorted(self.parts)}")
        if bool(self.dimensions) != ("weight.g" in self.parts):
            raise EncodeError("a block has dimensions of its own where its weight is decomposed")

    @property
    def parameter_types(self) -> int:
        """compressed_parameter_types."""
        return sum({_BITS[part] for part in self.parts if part in _BITS})

    @property
    def ids(self) -> tuple[str, ...]:
        """The names in the order of the list of ids."""
        return tuple(self.parts[kind] for kind in BLOCK_TYPES if kind in self.parts)


def blocks_of(block_identifier: Mapping[str, Any], parameter_type: Mapping[str, str]) -> tuple[Block, ...]:
    """Make blocks from two tables by parameter name.

    Args:
        block_identifier: The block that a parameter belongs to; None for no block.
        parameter_type: The parameter's type in `BLOCK_TYPES`, such as ``weight`` or ``bias``.
    """
    parts: dict[Any, dict[str, str]] = {}
    for name, block in block_identifier.items():
        if block is not None:
            parts.setdefault(block, {})[parameter_type[name]] = name
    return tuple(Block(found) for found in parts.values() if len(found) > 1)


def parts_of_block(record: BlockRecord) -> dict[str, str]:
    """Return the names of a block's parts in a base model.

    The keys are their types in `BLOCK_TYPES`.
    """
    present = {kind for kind, bit in _BITS.items() if record.parameter_types & bit}
    kinds = [kind for kind in BLOCK_TYPES if kind in present or (kind == "weight" and not record.parameter_types & DC)]
    return dict(zip(kinds, record.ids, strict=True))


@dataclass(frozen=True)
class EncoderOptions:
    """The choices that the standard leaves to an encoder.

    Args:
        qp: Quantization parameter of tensors with two axes longer than 1, also that of the
            parameter set.
        nonweight_qp: Quantization parameter of vectors, whatever their rank.
        qp_density: 0 to 7; the step size doubles whenever qp grows by 2 ** qp_density.
        dq: Use dependent quantization.
        codebook: Method of designing codebooks.
        scan_order: 0 to 4, for tensors with several columns.
        unary_length: Cabac_unary_length, 1 to 256.
        rdo: Weight of rate against distortion: a bit is worth rdo * `quantizer.LAGRANGIAN` squared
            steps, with ``dq`` four times as many. 0 rounds to the nearest, or finds the least
            error with ``dq``; 1 hardly changes the error; at 5 and a smaller step streams are
            smallest for their error; from about 20 on most weights become 0.
        effort: ``fast``, ``default`` or ``best``; see `Effort`.
        parameter_sets: ``default``, or ``search`` for the cheapest.
        blocks: Tensors to send together as NNR_PT_BLOCK.
        tensor_qp: Quantization parameters of single tensors by name, such as those of
            `by_deviation`.
        exact: Names of floating-point tensors to send without loss.
        indexes: By name, indexes of tensors that are quantized already (doubled with ``dq``), coded
            without a codebook.
        maps: Values of performance maps by kind, see `composer.MAP_COUNTS`.
        pruned: New dimensions of pruned tensors by name, sent as an NNR_TPL_PRUN.
        edition: 2022 or 2024; None for 2024 if there is a base model or a tool is on, else 2022.
        row_skip: ``auto`` to skip rows of zeros where it saves bytes, ``on``, or ``off`` (2024, as
            the tools below).
        tca: Temporal context adaptation; a tool that is on is used in every unit that allows it.
        hdsp: History dependent significance.
        pre: Predictive residual encoding, for all tensors of an update; its process is inferred.

    Raises:
        EncodeError: For a value out of its range, and a tool that is on in edition 2022.
    """

    qp: int = -38
    nonweight_qp: int = -75
    qp_density: int = 2
    dq: bool = False
    codebook: CodebookMethod | str | bool = CodebookMethod.NONE
    scan_order: int = 0
    unary_length: int = 10
    rdo: float = 1.0
    effort: Effort | str = Effort.DEFAULT
    parameter_sets: Literal["default", "search"] = "search"
    blocks: tuple[Block, ...] | Mapping[str, Mapping[str, Any]] = ()
    tensor_qp: Mapping[str, int] = field(default_factory=dict)
    exact: frozenset[str] = frozenset()
    indexes: Mapping[str, np.ndarray] = field(default_factory=dict)
    maps: Mapping[str, Values] = field(default_factory=dict)
    pruned: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    edition: Literal[2022, 2024] | None = None
    row_skip: ToolChoice | str | bool = ToolChoice.AUTO
    tca: ToolChoice | str | bool = ToolChoice.AUTO
    hdsp: ToolChoice | str | bool = ToolChoice.AUTO
    pre: ToolChoice | str | bool = ToolChoice.AUTO

    def __post_init__(self) -> None:
        if isinstance(self.blocks, Mapping):
            object.__setattr__(self, "blocks", blocks_of(self.blocks["block_identifier"], self.blocks["parameter_type"]))
        object.__setattr__(self, "codebook", CodebookMethod.of(self.codebook))
        object.__setattr__(self, "effort", Effort.of(self.effort))
        if self.parameter_sets not in ("default", "search"):
            raise EncodeError(f"parameter_sets is default or search, not {self.parameter_sets!r}")
        bounds = (("qp_density", 0, 7), ("scan_order", 0, 4), ("unary_length", 1, 256), ("qp", -4096, 4095))
        for name, low, high in bounds:
            if not low <= getattr(self, name) <= high:
                raise EncodeError(f"{name} {getattr(self, name)} is not in {low}..{high}")
        if not self.rdo >= 0:
            raise EncodeError(f"rdo {self.rdo} is negative")
        for name in _TOOLS:
            object.__setattr__(self, name, ToolChoice.of(getattr(self, name)))
        if self.edition not in (None, 2022, 2024):
            raise EncodeError(f"edition is 2022 or 2024, not {self.edition}")
        if self.edition == 2022 and self.tools_on:
            raise EncodeError(f"{self.tools_on[0]} is a tool of edition 2024; leave it out, or use edition 2024")

    @property
    def rate_weight(self) -> float:
        """The weight of rate in the choice of indexes."""
        return 0.0 if self.effort is Effort.FAST else self.rdo

    @property
    def fitted_sets(self) -> Literal["default", "search", "sample"]:
        """How the parameter sets of a tensor are chosen, as `TensorToCode` takes it."""
        return "sample" if self.effort is Effort.FAST and self.parameter_sets == "search" else self.parameter_sets

    @property
    def tools_on(self) -> tuple[str, ...]:
        """Names of the tools that are on."""
        return tuple(name for name in _TOOLS if getattr(self, name) is ToolChoice.ON)

    def second_edition(self, base: BaseModel | None) -> bool:
        """Return whether a stream is written in the second edition.

        Raise `EncodeError` for an update in the first.
        """
        if base is not None and self.edition == 2022:
            raise EncodeError("an update of a base model needs edition 2024")
        return base is not None or self.edition == 2024 or bool(self.tools_on)

    @property
    def quantization(self) -> Quantization:
        """The quantization in the parameter set."""
        return Quantization(self.qp_density, self.qp)

    @property
    def lowest_qp(self) -> int:
        """The lowest qp that a tensor can have."""
        return self.qp - (1 << (5 + self.qp_density))

    def qp_delta(self, name: str, *, weight: bool) -> int:
        """Return the qp_delta of a tensor: its qp less that of the parameter set.

        Raise `EncodeError` if it does not fit iae_v(6 + qp_density).

        Args:
            name: Id of the tensor.
            weight: Whether its default qp is that of weights; else that of vectors.
        """
        qp = self.tensor_qp.get(name, self.qp if weight else self.nonweight_qp)
        bound = 1 << (5 + self.qp_density)
        if not -bound <= qp - self.qp < bound:
            raise EncodeError(f"qp {qp} of {name!r} is more than {bound} from the parameter set's {self.qp}")
        return qp - self.qp
