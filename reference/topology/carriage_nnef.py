"""Annex E (inferred) in NNEF.

The .dat file of a variable holds one data unit or aggregate.

The header states shape and bits of the values. Its item type is a vendor's: `VENDOR` in the upper
half, the item type of the values in the lower. NNEF has no metadata, so a file nnr.json next to the
graph holds `carriage.metadata_document`. Other readers report an unknown item type.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from nnc_conformance.reference.decoder import decode
from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_NNEF
from nnc_conformance.reference.topology.carriage import Carriage, join_stream, metadata_document, parse_metadata, split_stream
from nnc_conformance.reference.topology.content import CARRIAGE_ENTRY, Topology
from nnc_conformance.reference.topology.nnef import (
    GRAPH_FILE,
    data_path,
    item_type,
    parameter_shapes,
    parse_header,
    variables,
    write_header,
)

VENDOR: Final = 0x4E4E << 16
"""Upper half of the item type: the letters "NN", our choice."""
METADATA_FILE: Final = f"{CARRIAGE_ENTRY}.json"
"""Name of the file with the metadata."""


def pack(stream: bytes) -> dict[str, bytes]:
    """Convert a stream with an NNEF topology to model files whose tensors hold its units.

    Raises:
        EncodeError: For a stream that cannot be carried.
        ModelError: Without an NNEF topology, or if its variables and the stream's tensors
            differ.
    """
    carriage, topology = split_stream(stream)
    if topology is None or topology.storage_format != NNR_TPL_NNEF:
        raise ModelError("the stream has no NNEF topology")
    shapes, values = parameter_shapes(topology.data), decode(stream, recombine=True).parameters
    if set(shapes) != set(carriage.holders):
        strange = sorted(set(shapes) ^ set(carriage.holders))[0]
        raise ModelError(f"{strange!r} must be both a variable of the graph and a tensor of the stream")
    files = {GRAPH_FILE: topology.data, METADATA_FILE: metadata_document(carriage).encode()}
    for variable in variables(topology.data):
        dtype = np.dtype(np.bool_) if variable.kind == "logical" else values[variable.label].dtype
        item, bits = item_type(dtype, variable.label)
        unit = carriage.units.get(variable.label, b"")
        files[data_path(variable.label)] = write_header(variable.shape, bits, VENDOR | item, (), len(unit), variable.label) + unit
    return files


def unpack(files: Mapping[str, bytes]) -> bytes:
    """Convert the files of a model whose tensors hold units back to the stream.

    Raises:
        ModelError: Without nnr.json, or if the files contradict it.
    """
    if METADATA_FILE not in files or GRAPH_FILE not in files:
        raise ModelError(f"the NNEF model has no {METADATA_FILE}: its tensors hold plain values")
    sets, holders = parse_metadata(files[METADATA_FILE])
    units = {}
    for label in parameter_shapes(files[GRAPH_FILE]):
        path = data_path(label)
        if label not in holders or path not in files:
            raise ModelError(f"variable {label!r} has no file or is not listed in {METADATA_FILE}")
        _, _, item, _, data = parse_header(files[path], path)
        if item & 0xFFFF0000 != VENDOR:
            raise ModelError(f"{path} does not hold a data unit: its item type is {item:#x}")
        if holders[label] == label:
            units[label] = data
        elif data:
            raise ModelError(f"{path} must be empty: its unit is held by {holders[label]!r}")
    if set(units) != set(holders.values()):
        raise ModelError(f"{METADATA_FILE} lists tensors that are missing in the graph")
    return join_stream(Carriage(sets, units, holders), Topology(NNR_TPL_NNEF, files[GRAPH_FILE]))
