"""Tensor dimensions in topologies.

A topology is parsed only when a data unit lacks dimensions; ONNX is not imported before.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.syntax.context import Shapes
from nnc_conformance.reference.syntax.structures.topology import DEFLATE, NNR_TPL_NNEF, NNR_TPL_ONNX
from nnc_conformance.reference.topology.content import Topology, inflate


class TopologyShapes(Mapping[str, tuple[int, ...]]):
    """Tensor dimensions by name in a topology, parsed at the first lookup.

    They are empty if the topology cannot be parsed.
    """

    def __init__(self, topology: Topology) -> None:
        self._topology = topology

    @cached_property
    def _shapes(self) -> Shapes:
        """Read the shapes of parameters from the topology; empty if it cannot be read."""
        if self._topology.storage_format == NNR_TPL_ONNX:
            from nnc_conformance.reference.topology.onnx import parameter_shapes
        else:
            from nnc_conformance.reference.topology.nnef import parameter_shapes
        try:
            return parameter_shapes(self._topology.data)
        except ModelError:
            return {}

    def __getitem__(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


def shapes_in(storage_format: int, data: bytes) -> Shapes:
    """Return the tensor dimensions in an inflated topology; empty for a format without a parser."""
    return TopologyShapes(Topology(storage_format, data)) if storage_format in (NNR_TPL_ONNX, NNR_TPL_NNEF) else {}


def topology_shapes(storage_format: int, compression_format: int, data: bytes) -> Shapes:
    """Return the dimensions of the tensors in topology_data, by id.

    Args:
        storage_format: topology_storage_format.
        compression_format: topology_compression_format.
        data: topology_data as it stands in the stream.

    Raises:
        PayloadError: Rule ``deflate``, if it does not inflate.
    """
    return shapes_in(storage_format, inflate(data, DecodeLimits()) if compression_format == DEFLATE else data)
