"""The decoder: a bitstream in, parameters by name and the topology out."""

from contextlib import closing
from dataclasses import dataclass

import numpy as np

from nnc_conformance.reference.driver import Driver, Tensors, Watcher
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.limits import DecodeLimits
from nnc_conformance.reference.options import DecoderOptions, ProgressCallback, no_progress
from nnc_conformance.reference.payload import recombined
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_BLOCK, DataUnitHeader
from nnc_conformance.reference.syntax.structures.unit import Unit
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.updates.applying import block_of
from nnc_conformance.reference.updates.base_model import BaseModel, check_base


@dataclass(frozen=True)
class Decoded:
    """The content of a decoded stream.

    Attributes:
        parameters: Name to ndarray, in the order of the stream.
        topology: Content of the last NNR_TPL that carries a topology, inflated.
        quantization_data: Content of the last NNR_QNT, inflated.
        pruning: Values of the last pruning container.
        reports: Errors of policy ``may`` that a lenient decoder forgave.
        differences: Names of the parameters that are differences to the base model (second
            edition).
        model: The model after the stream, base of the next; None without ``base``.
        updates: mps_parent_signalling_enabled_flag: the stream updates a base model.
    """

    parameters: dict[str, np.ndarray]
    topology: Topology | None = None
    quantization_data: Topology | None = None
    pruning: Values | None = None
    reports: tuple[StreamError, ...] = ()
    differences: tuple[str, ...] = ()
    model: BaseModel | None = None
    updates: bool = False


class Collector(Watcher):
    """Collects the decoded parameters.

    With ``recombine`` it keeps a BLOCK's weight as G x H, scaled by its LS, in place of these
    parts.
    """

    def __init__(self, interpretation: Interpretation | None = None, *, recombine: bool = False) -> None:
        self.interpretation = interpretation or Interpretation()
        self.recombine = recombine
        self.parameters: dict[str, np.ndarray] = {}

    def tensors(self, unit: Unit, header: DataUnitHeader, tensors: Tensors) -> None:
        """Keep the tensors of a data unit; of equal names the later one wins.

        If asked for, a BLOCK's weight is put together from its parts first.
        """
        recombine = self.recombine and header.payload_type == NNR_PT_BLOCK
        self.parameters |= recombined(block_of(header, self.interpretation), tensors) if recombine else tensors

    def content(self, driver: Driver) -> Decoded:
        """Return the decoded content of the stream that a driver has walked to its end."""
        return Decoded(
            self.parameters,
            driver.opened.topology,
            driver.opened.quantization_data,
            driver.pruning,
            driver.rules.reports,
            driver.differences,
            driver.model,
            driver.context.parent_signalling,
        )


def decode(
    stream: bytes,
    *,
    limits: DecodeLimits | None = None,
    interpretation: Interpretation | None = None,
    recombine: bool = False,
    lenient: bool = False,
    threads: int = 1,
    kernel: str = "fast",
    progress: ProgressCallback = no_progress,
    base: BaseModel | None = None,
) -> Decoded:
    """Decode a bitstream (clauses 6, 9 and 10).

    Parameters come by topology_elem_id in the order of the stream: int32 from NNR_PT_INT, float32
    from the other payload types, or the type that the unit's nnr_decompressed_data_format names.

    Args:
        stream: The bitstream.
        limits: Bounds on the decode; the defaults of `DecodeLimits` if None.
        interpretation: One choice for each disputed point; the defaults of `Interpretation` if
            None.
        recombine: Give a BLOCK's weight as G x H, scaled by its LS, in place of these.
        lenient: Forgive broken rules of policy ``may``, and report them.
        threads: Data units, or stretches of block rows with entry points, to decode at the same
            time; small ones are decoded in sequence.
        kernel: The kernel for codewords: ``fast``, or ``plain``, the readable one.
        progress: Called with the bytes taken in and the bytes of the stream.
        base: The model before the stream (second edition): `BaseModel()` for the first stream of a
            session, then the ``model`` of the step before. With None an update gives its
            differences, and nothing is kept for later streams.

    Raises:
        StreamError: The stream breaks a rule of the registry; with ``lenient``, a rule of policy
            ``must``.
        ModelError: ``base`` is not a `BaseModel`.
    """
    check_base(base)
    options = DecoderOptions(interpretation or Interpretation(), lenient, limits or DecodeLimits(), kernel, threads, base=base)
    return decode_with(stream, options, recombine=recombine, progress=progress)


def decode_with(stream: bytes, options: DecoderOptions, *, recombine: bool = False, progress: ProgressCallback = no_progress) -> Decoded:
    """Decode a bitstream as `decode` does, given options that `decode` does not offer.

    Args:
        stream: The bytes of the bitstream.
        options: All options of the decoder.
        recombine: Give a BLOCK's weight as G x H, scaled by its LS, in place of these.
        progress: Called with bytes decoded and bytes in all after each unit.

    Raises as `decode`.
    """
    collector = Collector(options.interpretation, recombine=recombine)
    driver = Driver(stream, collector, options)
    with closing(driver.units()) as units:
        for unit in units:
            progress(unit.offset + unit.size, len(stream))
    return collector.content(driver)
