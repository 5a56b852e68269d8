"""Quantizes weights within a pipeline (clause 9) for local scaling to adapt to decoded values."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from nnc_conformance.reference.encoder import block_header, quantized
from nnc_conformance.reference.encoder_options import EncoderOptions
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.payload import coded_parts, coding_of
from nnc_conformance.reference.quantization.reconstruction import products, step_size
from nnc_conformance.reference.reduction.encoder_input import blocks_of
from nnc_conformance.reference.reduction.network import Array, Network


def with_quantized_weights(network: Network, names: Collection[str], options: EncoderOptions) -> Network:
    """Replace weights by their decoded values, and keep their indexes for the encoder.

    Args:
        names: Tensors of the graph; all must have an LS vector or be decomposed.

    Raises:
        EncodeError: For values that cannot be quantized with these options.
    """
    parameters: dict[str, Array] = {}
    indexes: dict[str, Array] = {}
    part_names = {part for name in names for part in (network.decomposed[name].names(name) if name in network.decomposed else (name,))}
    for block in blocks_of(network):
        header = block_header(block, network.parameters[block.ids[0]].shape, options)
        for part in coded_parts(header):
            if part.id not in part_names:
                continue
            delta = options.qp_delta(part.id, weight=True)
            coding = coding_of(part, header, Interpretation())
            content = quantized(part.id, np.asarray(network.parameters[part.id], np.float32), coding, delta, options)
            step = step_size(options.qp_density, options.qp + delta)
            values = products(content.indexes, step, with_codebook=False, interpretation=Interpretation())
            parameters[part.id], indexes[part.id] = values.reshape(part.dimensions), content.indexes
    return replace(network.with_parameters(parameters), indexes={**network.indexes, **indexes})
