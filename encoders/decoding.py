"""Decodes the streams of an encoder under test.

It also gives what judges the values: steps and codebooks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnc_conformance.encoders.codewords import decoded_codeword
from nnc_conformance.reference.driver import Driver, Tensors, Watcher, payload_bytes
from nnc_conformance.reference.entropy.codeword import read_qp_deltas
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.reference.payload import coded_parts, coding_of
from nnc_conformance.reference.quantization.reconstruction import step_size
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_INT, NNR_PT_RAW_FLOAT, Codebook, DataUnitHeader
from nnc_conformance.reference.syntax.structures.unit import Unit
from nnc_conformance.reference.updates.base_model import BaseModel
from nnc_conformance.reference.updates.encoding import skips_differ
from nnc_conformance.reference.updates.finishing import final_parameters


@dataclass(frozen=True)
class ReadTensor:
    """How a stream codes one tensor.

    Attributes:
        unit: Number of its data unit.
        header: Header of that unit.
        step: Step size; None for payloads that are exact.
        codebook: Its codebook, if it has one.
        qp: Its quantization parameter; None for payloads that are exact.
        skips_disputed: Whether the choices of skipped_stretch give its indexes other quantizers.
    """

    unit: int
    header: DataUnitHeader
    step: float | None
    codebook: Codebook | None
    qp: int | None
    skips_disputed: bool = False

    @property
    def dq(self) -> bool:
        """Whether it is coded with dependent quantization."""
        return self.header.dq_flag


@dataclass(frozen=True)
class DecodedStep:
    """One decoded stream of an encoder.

    Attributes:
        parameters: The model after it, by name.
        coded: How each tensor is coded that the stream has.
        model: The model for the next stream; None without a base.
    """

    parameters: dict[str, np.ndarray]
    coded: dict[str, ReadTensor]
    model: BaseModel | None


class _Collector(Watcher):
    def __init__(self, interpretation: Interpretation, base: BaseModel | None) -> None:
        self.interpretation, self.base = interpretation, base
        self.parameters: dict[str, np.ndarray] = {}
        self.coded: dict[str, ReadTensor] = {}

    def tensors(self, unit: Unit, header: DataUnitHeader, tensors: Tensors) -> None:
        self.parameters |= tensors
        parts = coded_parts(header)
        quantized = header.quantization is not None and header.payload_type not in (NNR_PT_INT, NNR_PT_RAW_FLOAT)
        deltas = []
        if quantized:
            deltas = read_qp_deltas(payload_bytes(unit), [coding_of(part, header, self.interpretation) for part in parts])
        disputed = self._skips_disputed(unit, header) if quantized else frozenset()
        for number, part in enumerate(parts):
            qp = step = None
            if quantized and header.quantization is not None:
                qp = header.quantization.quantization_parameter + (deltas[number] if number < len(deltas) else 0)
                step = float(step_size(header.quantization.qp_density, qp))
            self.coded[part.id] = ReadTensor(unit.number, header, step, part.codebook, qp, part.id in disputed)

    def _skips_disputed(self, unit: Unit, header: DataUnitHeader) -> frozenset[str]:
        """Return the ids of parts whose quantizers depend on the disputed point skipped_stretch."""
        if not (header.dq_flag and header.scan_order and header.update is not None):
            return frozenset()
        coded = decoded_codeword(unit, header, self.base, self.interpretation)
        return frozenset(part.id for part, coding, tensor in coded if tensor.skipped is not None and skips_differ(coding))


def decode_steps(streams: Sequence[bytes], *, interpretation: Interpretation | None = None, session: bool = False) -> list[DecodedStep]:
    """Decode streams, in order as a session or a single one alone; raise `StreamError`,
    `ModelError`.
    """
    chosen = interpretation or Interpretation()
    model: BaseModel | None = BaseModel() if session else None
    steps = []
    for stream in streams:
        collector = _Collector(chosen, model)
        driver = Driver(stream, collector, DecoderOptions(chosen, base=model))
        driver.run()
        model = driver.model
        parameters = collector.parameters if model is None else final_parameters(model)
        steps.append(DecodedStep(parameters, collector.coded, model))
    return steps
