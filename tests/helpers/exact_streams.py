"""Streams that hold every value of a model as it is: nothing is quantized."""

from collections.abc import Mapping

import numpy as np
import onnx

from nnc_conformance.reference import EncoderOptions, encode
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_ONNX
from nnc_conformance.reference.topology.classes import Coding, coding
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.topology.onnx import extract


def exact_options(parameters: Mapping[str, np.ndarray]) -> EncoderOptions:
    """Of an encoder that quantizes none of these."""
    return EncoderOptions(exact=frozenset(name for name, array in parameters.items() if coding(array) is Coding.QUANTIZED))


def exact_stream(model: bytes | onnx.ModelProto) -> bytes:
    """An ONNX model as a stream."""
    parts = extract(model)
    return encode(parts.parameters, topology=Topology(NNR_TPL_ONNX, parts.topology), options=exact_options(parts.parameters))
