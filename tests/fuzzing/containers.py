"""Small models whose tensors hold data units, and tensors of an NNEF model."""

import numpy as np
from helpers import topology_models
from helpers.exact_streams import exact_stream

from nnc_conformance.reference.encoder import encode
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_NNEF
from nnc_conformance.reference.topology import carriage_nnef, carriage_onnx, nnef
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.storage.carriage_files import Carried, pack_safetensors

GRAPH = b"w = variable<scalar>(shape = [2, 3], label = 'w');\nb = variable<integer>(shape = [2], label = 'b');\n"
TENSORS = {"w": np.array([[0.5, -1, 2], [0, 1, 4]], np.float32), "b": np.array([-7, 9], np.int32)}
NNEF_TENSORS = tuple(nnef.write_tensor(array, name) for name, array in TENSORS.items())
NNEF = carriage_nnef.pack(encode(TENSORS, topology=Topology(NNR_TPL_NNEF, GRAPH)))


def safetensors() -> bytes:
    kinds = {name: (array.dtype, array.shape) for name, array in TENSORS.items()}
    return pack_safetensors(Carried(encode(TENSORS), kinds, {"plain": np.array([1 << 40], np.int64)}))


def onnx_model() -> bytes:
    return carriage_onnx.pack(exact_stream(topology_models.nested()))
