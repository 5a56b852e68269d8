"""The base model: parameters between two streams of a session.

It keeps the history that later streams depend on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.errors import ModelError

if TYPE_CHECKING:
    from nnc_conformance.reference.syntax.structures.data_unit import NodeId
    from nnc_conformance.reference.topology.content import Topology

PARAMETER_TYPES: Final = (np.dtype(np.float32), np.dtype(np.int32))
"""The types of parameters that data units code."""
BASE_LIMIT: Final = 256
"""Largest magnitude of a remembered index: no context asks for more (cabac_unary_length is at most
256).
"""


@dataclass(frozen=True)
class IndexHistory:
    """A tensor's earlier indexes, as TCA and HDSP need them.

    Args:
        base: int16 (elements,), row-major, the indexes of the last data unit, clamped to
            +-`BASE_LIMIT`; None before the first.
        seen: uint8, bits packed by `numpy.packbits`, 1 where an update was not zero; None before
            the first update.
        named: `base` of each earlier node; kept only if the disputed point tca_base says "named".
    """

    base: npt.NDArray[np.int16] | None = None
    seen: npt.NDArray[np.uint8] | None = None
    named: Mapping["NodeId", npt.NDArray[np.int16]] = field(default_factory=dict)


@dataclass(frozen=True)
class ParameterHistory:
    """State of one parameter on which later streams depend.

    Args:
        dimensions: Dimensions as coded.
        shift: The place to which the first of them was moved after decoding; 0 for none.
        node_id: Node of its last data unit; None if that had no node id.
        digests: SHA-256 and SHA-512 of that unit's payload; kept only if the disputed point
            parent_id says "identifies".
        indexes: Indexes of differences.
        residual_indexes: Indexes of residuals; used only if the disputed point pre says "residual".
        last_difference: The last difference, float32 or int32; kept only if the disputed point pre
            says "residual".
    """

    dimensions: tuple[int, ...]
    shift: int = 0
    node_id: "NodeId | None" = None
    digests: tuple[bytes, ...] = ()
    indexes: IndexHistory = IndexHistory()
    residual_indexes: IndexHistory = IndexHistory()
    last_difference: npt.NDArray[np.float32] | npt.NDArray[np.int32] | None = None


@dataclass(frozen=True)
class BlockRecord:
    """The parts of a BLOCK.

    They are put together only after the last step of a session.

    Args:
        ids: Ids of the parts in the order of the data unit.
        parameter_types: compressed_parameter_types.
        dimensions: Dimensions of the whole weight, as coded.
        shift: The place to which the first of them moves.
    """

    ids: tuple[str, ...]
    parameter_types: int
    dimensions: tuple[int, ...]
    shift: int = 0


@dataclass(frozen=True)
class BaseModel:
    """A model between two streams of a session; ``BaseModel()`` begins one.

    Args:
        parameters: Name to ndarray, float32 or int32, in the order in which they came; parts of
            blocks apart, no format converted. They are kept read-only: a change would part the
            model from that of the other side.
        topology: Content of the last NNR_TPL that carried a topology.
        quantization_data: Content of the last NNR_QNT.
        histories: What later streams depend on, by name.
        shapes: Dimensions by the name of the tensor, or of the whole that a block decomposes: those of
            an update that codes none.
        blocks: Blocks by the name of their first part.
        data_formats: nnr_decompressed_data_format by name, for parameters that have one.
    """

    parameters: Mapping[str, np.ndarray] = field(default_factory=dict)
    topology: "Topology | None" = None
    quantization_data: "Topology | None" = None
    histories: Mapping[str, ParameterHistory] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    blocks: Mapping[str, BlockRecord] = field(default_factory=dict)
    data_formats: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Keep parameters read-only; raise `ModelError` for one that no decoder gives."""
        for name, values in self.parameters.items():
            if not isinstance(values, np.ndarray) or values.dtype not in PARAMETER_TYPES:
                kind = values.dtype if isinstance(values, np.ndarray) else type(values).__name__
                raise ModelError(f"parameter {name!r} of a base model is {kind}; it must be a float32 or int32 array")
        object.__setattr__(self, "parameters", {name: read_only(values) for name, values in self.parameters.items()})


def read_only(values: np.ndarray) -> np.ndarray:
    """Return an array through which its values cannot be changed."""
    if not values.flags.writeable:
        return values
    view = values.view()
    view.flags.writeable = False
    return view


def check_base(base: object) -> None:
    """Raise `ModelError` unless an argument ``base`` is a base model, or None."""
    if base is not None and not isinstance(base, BaseModel):
        raise ModelError(f"base is a BaseModel, such as decode(stream, base=BaseModel()).model, not {type(base).__name__}")
