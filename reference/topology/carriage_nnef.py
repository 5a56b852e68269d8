"""Annex E (inferred) in NNEF: a variable's .dat holds one data unit or aggregate, under an item type of a vendor's.

The header's shape and bits are those of the values, its item type has `VENDOR` in the upper half and the values' own item type in the
lower. A file nnr.json beside the graph holds `carriage.document`, since NNEF has no metadata. A reader that knows nothing of it meets an
item type that it does not know.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.model import Topology
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_NNEF
from nnc_conformance.reference.topology.carriage import Carriage, document, parsed, stream_of, taken_apart
from nnc_conformance.reference.topology.nnef import (
    GRAPH_FILE,
    data_path,
    header_of,
    item_of,
    parameter_shapes,
    variables,
    write_header,
)
from nnc_conformance.reference.topology.onnx import CARRIAGE_ENTRY

VENDOR: Final = 0x4E4E << 16
"""The upper half of the item type: "NN", our choice."""
METADATA_FILE: Final = f"{CARRIAGE_ENTRY}.json"


def pack(stream: bytes) -> dict[str, bytes]:
    """A stream with an NNEF topology as the files of a model whose tensors hold its units.

    Raises `EncodeError` for what cannot be carried, `ModelError` for a stream without an NNEF topology, or with other tensors than it has.
    """
    carriage, topology = taken_apart(stream)
    if topology is None or topology.storage_format != NNR_TPL_NNEF:
        raise ModelError("the stream carries no NNEF topology")
    shapes, values = parameter_shapes(topology.data), decode(stream, recombine=True).parameters
    if set(shapes) != set(carriage.holders):
        strange = sorted(set(shapes) ^ set(carriage.holders))[0]
        raise ModelError(f"{strange!r} is only one of variable of the graph and tensor of the stream")
    files = {GRAPH_FILE: topology.data, METADATA_FILE: document(carriage).encode()}
    for variable in variables(topology.data):
        dtype = np.dtype(np.bool_) if variable.kind == "logical" else values[variable.label].dtype
        item, bits = item_of(dtype, variable.label)
        unit = carriage.units.get(variable.label, b"")
        files[data_path(variable.label)] = write_header(variable.shape, bits, VENDOR | item, (), len(unit), variable.label) + unit
    return files


def unpack(files: Mapping[str, bytes]) -> bytes:
    """The stream of a model whose tensors hold units; raises `ModelError` for one without nnr.json, or that contradicts it."""
    if METADATA_FILE not in files or GRAPH_FILE not in files:
        raise ModelError(f"the NNEF model has no {METADATA_FILE}: its tensors hold plain values")
    sets, holders = parsed(files[METADATA_FILE])
    units = {}
    for label in parameter_shapes(files[GRAPH_FILE]):
        path = data_path(label)
        if label not in holders or path not in files:
            raise ModelError(f"variable {label!r} has no file, or is not named in {METADATA_FILE}")
        _, _, item, _, data = header_of(files[path], path)
        if item & 0xFFFF0000 != VENDOR:
            raise ModelError(f"{path} has items of the type {item:#x}, no data unit")
        if holders[label] == label:
            units[label] = data
        elif data:
            raise ModelError(f"{path} has data, though its unit stands in {holders[label]!r}")
    if set(units) != set(holders.values()):
        raise ModelError(f"{METADATA_FILE} names tensors that the graph does not have")
    return stream_of(Carriage(sets, units, holders), Topology(NNR_TPL_NNEF, files[GRAPH_FILE]))
