"""Decodes the streams of an encoder under test.

It also gives what judges the values: steps and codebooks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnc_conformance.reference.driver import Driver, Tensors, Watcher
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.options import DecoderOptions
from nnc_conformance.reference.payload import PartCoding, coded_parts
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


class StepCollector(Watcher):
    """Collects what a stream gives, and how it codes each tensor."""

    def __init__(self) -> None:
        self._parameters: dict[str, np.ndarray] = {}
        self._coded: dict[str, ReadTensor] = {}

    def codeword(self, unit: Unit, header: DataUnitHeader, parts: Sequence[PartCoding]) -> None:
        """Keep the unit, header, qp and step of each tensor that a codeword codes."""
        quantization = header.quantization if header.payload_type != NNR_PT_INT else None
        for each in parts:
            qp = step = None
            if quantization is not None:
                qp = quantization.quantization_parameter + each.qp_delta
                step = float(step_size(quantization.qp_density, qp))
            disputed = quantization is not None and each.skipped is not None and skips_differ(each.coding)
            self._coded[each.part.id] = ReadTensor(unit.number, header, step, each.part.codebook, qp, disputed)

    def tensors(self, unit: Unit, header: DataUnitHeader, tensors: Tensors) -> None:
        """Take the tensors of a data unit."""
        self._parameters |= tensors
        if header.payload_type == NNR_PT_RAW_FLOAT:
            self._coded |= {part.id: ReadTensor(unit.number, header, None, part.codebook, None) for part in coded_parts(header)}

    def step(self, model: BaseModel | None) -> DecodedStep:
        """Return what was collected.

        Args:
            model: The model after the stream; None without a session.
        """
        return DecodedStep(self._parameters if model is None else final_parameters(model), self._coded, model)


def decode_steps(streams: Sequence[bytes], *, interpretation: Interpretation | None = None, session: bool = False) -> list[DecodedStep]:
    """Decode streams, in order as a session or a single one alone.

    Raise `StreamError`, `ModelError`.
    """
    model: BaseModel | None = BaseModel() if session else None
    steps = []
    for stream in streams:
        collector = StepCollector()
        driver = Driver(stream, collector, DecoderOptions(interpretation or Interpretation(), base=model))
        driver.run()
        model = driver.model
        steps.append(collector.step(model))
    return steps
