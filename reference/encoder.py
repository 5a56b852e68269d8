"""The encoder: parameters by name in, a bitstream out. `EncoderOptions` decides what the standard leaves open."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import prod
from typing import Any, Final, Literal

import numpy as np

from nnc_conformance.reference.composer import (
    HeaderForm,
    TensorContent,
    data_unit,
    model_parameter_set,
    simple_header,
    start_unit,
    topology_unit,
)
from nnc_conformance.reference.entropy.coding import TensorCoding
from nnc_conformance.reference.errors import EncodeError, unknown
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.options import ProgressCallback, no_progress
from nnc_conformance.reference.payload import coded_parts, coding_of
from nnc_conformance.reference.quantization.reconstruction import DATA_FORMATS, step_size
from nnc_conformance.reference.syntax.bitstream import write_units
from nnc_conformance.reference.syntax.context import Quantization, Shapes, StreamContext
from nnc_conformance.reference.syntax.structures.data_unit import (
    BI,
    BN,
    DC,
    LS,
    NNR_PT_BLOCK,
    NNR_PT_FLOAT,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
    DataUnitHeader,
)
from nnc_conformance.reference.syntax.structures.topology import DEFLATE, NNR_TPL_DICT, NNR_TPL_PRUN, NNR_TPL_UNREC, RAW
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.reference.threads import thread_pool
from nnc_conformance.reference.topology.classes import Coding, Role, coded, coding, role
from nnc_conformance.reference.topology.content import Topology, shapes_in


class CodebookMethod(StrEnum):
    """How to design a codebook; a codebook is kept only if it makes the tensor's unit smaller."""

    NONE = "none"
    KMEANS = "kmeans"
    INTEGER = "integer"

    @classmethod
    def of(cls, choice: "CodebookMethod | str | bool") -> "CodebookMethod":
        """Return the method for a name, or for True (`INTEGER`) or False; raise `EncodeError`."""
        if isinstance(choice, bool):
            return cls.INTEGER if choice else cls.NONE
        try:
            return cls(choice)
        except ValueError:
            raise EncodeError(unknown("codebook method", choice, cls)) from None


WEIGHT_TYPES: Final = (("weight",), ("weight.g", "weight.h"))
"""Types of a block's weight: whole, or decomposed."""
BLOCK_TYPES: Final = (*WEIGHT_TYPES[0], *WEIGHT_TYPES[1], "weight.ls", "bn.beta", "bn.gamma", "bn.mean", "bn.var", "bias")
"""The parts of an NNR_PT_BLOCK in the order of its list of ids."""


@dataclass(frozen=True)
class Block:
    """The parameter names of one block by their type in `BLOCK_TYPES`: the weight, or G and H; batch norm with all four parts or none.

    ``dimensions``: of the tensor that G [g_number_of_rows, decomposition_rank] and H stand for; () for a whole weight.
    """

    parts: Mapping[str, str]
    dimensions: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        norms = sum(part.startswith("bn.") for part in self.parts)
        weight = tuple(part for part in self.parts if part.startswith("weight") and part != "weight.ls")
        if tuple(sorted(weight)) not in WEIGHT_TYPES or set(self.parts) - set(BLOCK_TYPES) or norms not in (0, 4):
            raise EncodeError(f"no block has the parts {sorted(self.parts)}")
        if bool(self.dimensions) != ("weight.g" in self.parts):
            raise EncodeError("a block has dimensions of its own where its weight is decomposed")

    @property
    def parameter_types(self) -> int:
        """compressed_parameter_types."""
        kinds = {"weight.g": DC, "weight.ls": LS, "bn.beta": BN, "bias": BI}
        return sum(bit for part, bit in kinds.items() if part in self.parts)

    @property
    def ids(self) -> tuple[str, ...]:
        """The names in the order of the list of ids."""
        return tuple(self.parts[kind] for kind in BLOCK_TYPES if kind in self.parts)


def blocks_of(block_identifier: Mapping[str, Any], parameter_type: Mapping[str, str]) -> tuple[Block, ...]:
    """Make blocks from two tables by parameter name: the block it belongs to (None: no block), and its type in `BLOCK_TYPES`."""
    parts: dict[Any, dict[str, str]] = {}
    for name, block in block_identifier.items():
        if block is not None:
            parts.setdefault(block, {})[parameter_type[name]] = name
    return tuple(Block(found) for found in parts.values() if len(found) > 1)


@dataclass(frozen=True)
class EncoderOptions:
    """The choices that the standard leaves to an encoder.

    Args:
        qp: quantization parameter of tensors with two axes longer than 1, also that of the parameter set.
        nonweight_qp: quantization parameter of vectors, whatever their rank.
        qp_density: 0 to 7; the step size doubles whenever qp grows by 2 ** qp_density.
        dq: use dependent quantization.
        codebook: method of designing codebooks.
        scan_order: 0 to 4, for tensors with several columns.
        unary_length: cabac_unary_length, 1 to 256.
        rdo: weight of rate against distortion; 0 rounds to the nearest.
        parameter_sets: ``default``, or ``search`` for the cheapest.
        blocks: tensors to send together as NNR_PT_BLOCK.
        tensor_qp: quantization parameters of single tensors by name, such as those of `by_deviation`.
        exact: names of floating-point tensors to send without loss.
        indexes: by name, indexes of tensors that are quantized already (doubled with ``dq``), coded without a codebook.
        maps: values of performance maps by kind, see `composer.MAP_COUNTS`.
        pruned: new dimensions of pruned tensors by name, sent as an NNR_TPL_PRUN.

    Raises:
        EncodeError: for a value out of its range.
    """

    qp: int = -38
    nonweight_qp: int = -75
    qp_density: int = 2
    dq: bool = False
    codebook: CodebookMethod | str | bool = CodebookMethod.NONE
    scan_order: int = 0
    unary_length: int = 10
    rdo: float = 1.0
    parameter_sets: Literal["default", "search"] = "search"
    blocks: tuple[Block, ...] | Mapping[str, Mapping[str, Any]] = ()
    tensor_qp: Mapping[str, int] = field(default_factory=dict)
    exact: frozenset[str] = frozenset()
    indexes: Mapping[str, np.ndarray] = field(default_factory=dict)
    maps: Mapping[str, Values] = field(default_factory=dict)
    pruned: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.blocks, Mapping):
            object.__setattr__(self, "blocks", blocks_of(self.blocks["block_identifier"], self.blocks["parameter_type"]))
        object.__setattr__(self, "codebook", CodebookMethod.of(self.codebook))
        if self.parameter_sets not in ("default", "search"):
            raise EncodeError(f"parameter_sets is default or search, not {self.parameter_sets!r}")
        bounds = (("qp_density", 0, 7), ("scan_order", 0, 4), ("unary_length", 1, 256), ("qp", -4096, 4095))
        for name, low, high in bounds:
            if not low <= getattr(self, name) <= high:
                raise EncodeError(f"{name} {getattr(self, name)} is not in {low}..{high}")
        if not self.rdo >= 0:
            raise EncodeError(f"rdo {self.rdo} is negative")

    @property
    def quantization(self) -> Quantization:
        """The quantization in the parameter set."""
        return Quantization(self.qp_density, self.qp)

    def qp_delta(self, name: str, *, weight: bool) -> int:
        """Return qp_delta of a tensor; raise `EncodeError` if it does not fit iae_v(6 + qp_density)."""
        qp = self.tensor_qp.get(name, self.qp if weight else self.nonweight_qp)
        bound = 1 << (5 + self.qp_density)
        if not -bound <= qp - self.qp < bound:
            raise EncodeError(f"qp {qp} of {name!r} is more than {bound} from the parameter set's {self.qp}")
        return qp - self.qp


MOST_PRUNED: Final = 255
MIN_VALUES_PER_THREAD: Final = 20_000
"""Values per thread below which a thread costs more time than it saves."""


@dataclass(frozen=True)
class _Job:
    """One NDU to make: its ids, and its block if it is an NNR_PT_BLOCK."""

    ids: tuple[str, ...]
    block: Block | None


def encode(
    parameters: Mapping[str, np.ndarray],
    *,
    topology: Topology | None = None,
    options: EncoderOptions | None = None,
    threads: int = 1,
    progress: ProgressCallback = no_progress,
) -> bytes:
    """Encode parameters (clauses 6, 9 and 10); return the bitstream: NNR_STR, NNR_MPS, NNR_TPL if given, the NDUs.

    Floating-point tensors are quantized to NNR_PT_FLOAT. Scalars, single values, tensors that are not finite and those in
    ``options.exact`` become NNR_PT_RAW_FLOAT; integers within int32 become NNR_PT_INT, without loss. Through
    nnr_decompressed_data_format a decoder returns float16, int8, int16 and int64 as such, other types as float32 or int32. A scalar keeps
    its shape () through an ONNX topology; without one it becomes a tensor of one dimension.

    Args:
        parameters: name to ndarray, in the order of the stream.
        topology: a topology to carry, inflated.
        options: the encoder's choices; None for the defaults of `EncoderOptions` with a step for each tensor by `choosing.choose`.
        threads: data units to encode at the same time; small models are encoded in sequence.
        progress: called with the values coded so far and the number of all values.

    Raises:
        EncodeError: for tensors that cannot be coded.
    """
    if options is None:
        from nnc_conformance.reference.quantization.choosing import choose

        options = choose(parameters, EncoderOptions()).options
    shapes: Shapes = {} if topology is None else shapes_in(topology.storage_format, topology.data)
    jobs = plan(parameters, options)
    work: Callable[[_Job], Values] = lambda job: encode_job(job, parameters, options, shapes)  # noqa: E731
    done, total = 0, sum(array.size for array in parameters.values())
    at_once = min(threads, len(jobs), total // MIN_VALUES_PER_THREAD)
    data_units: list[Values] = []
    with thread_pool(max(at_once, 1)) as pool:
        for job, unit in zip(jobs, pool.map(work, jobs) if at_once > 1 else map(work, jobs), strict=True):
            data_units.append(unit)
            done += sum(parameters[name].size for name in job.ids)
            progress(done, total)
    units = [start_unit(), model_parameter_set(options.quantization, topology_carriage=topology is not None, maps=options.maps)]
    if topology is not None:
        units.append(topology_values(topology))
    if options.pruned:
        units.append(pruned_values(options.pruned))
    context = StreamContext(open_topology=lambda *_: shapes)
    return write_units([*units, *data_units], context=context)


def topology_values(topology: Topology) -> Values:
    """Return the NNR_TPL, deflated if that makes it shorter; UNREC stays text."""
    deflated = topology.data if topology.storage_format == NNR_TPL_UNREC else zlib.compress(topology.data, 9)
    compression, data = (DEFLATE, deflated) if len(deflated) < len(topology.data) else (RAW, topology.data)
    return topology_unit(topology.storage_format, compression, {"topology_data": data})


def pruned_values(pruned: Mapping[str, tuple[int, ...]]) -> Values:
    """Return the NNR_TPL with a dictionary of new dimensions [I]; raise `EncodeError` for more tensors than count_ids can hold."""
    if len(pruned) > MOST_PRUNED:
        raise EncodeError(f"{len(pruned)} pruned tensors, a dictionary holds {MOST_PRUNED}")
    elements = [{"element_id": name, "count_dims": len(dims), "dim": list(dims)} for name, dims in pruned.items()]
    flags: Values = {"nnr_rep_type": NNR_TPL_DICT, "prune_flag": 1, "order_flag": 1, "sparse_flag": 0}
    container = {**flags, "count_ids": len(elements), "pruned_element": elements}
    return topology_unit(NNR_TPL_PRUN, RAW, {"nnr_pruning_topology_container": container})


def plan(parameters: Mapping[str, np.ndarray], options: EncoderOptions) -> list[_Job]:
    """Plan the NDUs in the order of the parameters; a block takes the place of its weight."""
    blocks = tuple(options.blocks) if not isinstance(options.blocks, Mapping) else ()
    by_weight = {block.ids[0]: block for block in blocks}
    inside = {name for block in blocks for name in block.ids}
    missing = sorted(inside - set(parameters))
    if missing:
        raise EncodeError(f"a block names {missing[0]!r}, but there is no such parameter")
    return [
        _Job(by_weight[name].ids if name in by_weight else (name,), by_weight.get(name))
        for name in parameters
        if name in by_weight or name not in inside
    ]


def encode_job(job: _Job, parameters: Mapping[str, np.ndarray], options: EncoderOptions, shapes: Shapes) -> Values:
    """Make one NDU; raise `EncodeError` for values that cannot be coded."""
    name, array = job.ids[0], parameters[job.ids[0]]
    if job.block is not None:
        return encode_block(job.block, parameters, options)
    if array.dtype == np.float64:
        single = array.astype(np.float32)
    elif coding(array) is Coding.UNCHANGED:
        raise EncodeError(f"{name!r}: {array.dtype} of shape {array.shape} with these values cannot be coded")
    else:
        single = coded(array)
    dimensions = array.shape or (() if name in shapes else (1,))
    form = HeaderForm(dimensions_present=bool(dimensions), input_parameters=bool(dimensions))
    data_format = None if name in shapes else given_back(array.dtype)
    if single.dtype == np.int32:
        header = simple_header(NNR_PT_INT, name, dimensions, None)
        header = replace(header, unary_length=options.unary_length if dimensions else header.unary_length, data_format=data_format)
        return data_unit(header, {name: TensorContent(single, parameter_sets=options.parameter_sets)}, form=form)
    if name in options.exact or role(single) is Role.OTHER:
        header = replace(simple_header(NNR_PT_RAW_FLOAT, name, dimensions, None), data_format=data_format)
        return data_unit(header, single.reshape(-1), form=form)
    return encode_float(name, single, dimensions, options, data_format)


def is_given_back(dtype: np.dtype[Any]) -> bool:
    """Return whether a decoder gives back tensors of ``dtype`` as such, without a topology."""
    return dtype in (np.float32, np.int32) or given_back(dtype) is not None


def given_back(dtype: np.dtype[Any]) -> int | None:
    """Return the nnr_decompressed_data_format for ``dtype``; None if the payload has that type anyway, or no format has it."""
    if dtype in (np.dtype(np.float32), np.dtype(np.int32)):
        return None
    formats = {np.dtype(kind): number for number, (_, kind, bits) in enumerate(DATA_FORMATS) if bits in (0, np.dtype(kind).itemsize * 8)}
    return formats.get(dtype)


def encode_float(name: str, values: np.ndarray, dimensions: tuple[int, ...], options: EncoderOptions, data_format: int | None) -> Values:
    """Quantize and encode one tensor; use a codebook if the options ask for one and it makes the unit smaller."""
    matrix = len(dimensions) > 1
    header = replace(
        simple_header(NNR_PT_FLOAT, name, dimensions, options.quantization, dq_flag=options.dq),
        unary_length=options.unary_length,
        scan_order=options.scan_order if matrix and prod(dimensions[1:]) > 1 else 0,
        data_format=data_format,
    )
    delta = options.qp_delta(name, weight=role(values) is Role.WEIGHT)
    plain = data_unit(header, {name: quantized(name, values, coding_of_first(header), delta, options)})
    if options.codebook is CodebookMethod.NONE or not matrix or name in options.indexes:
        return plain
    with_codebook = encode_with_codebook(values, header, delta, options)
    return min((plain, with_codebook), key=lambda unit: len(write_ndu(unit, options)))


def coding_of_first(header: DataUnitHeader) -> TensorCoding:
    """Return the coding of a unit's only tensor."""
    return coding_of(coded_parts(header)[0], header, Interpretation())


def quantized(name: str, values: np.ndarray, how: TensorCoding, qp_delta: int, options: EncoderOptions) -> TensorContent:
    """Quantize float32 values to indexes, unless the options hold indexes for the tensor."""
    if name in options.indexes:
        return TensorContent(options.indexes[name], qp_delta, options.parameter_sets)
    from nnc_conformance.reference.quantization.quantizer import quantize

    step = float(step_size(options.qp_density, options.qp + qp_delta))
    try:
        indexes = quantize(values, step, how, rdo=options.rdo)
    except EncodeError as error:
        remedy = "give it a greater qp, or keep it exact"
        raise EncodeError(f"{name!r} with qp {options.qp + qp_delta}: {error}; {remedy}") from None
    return TensorContent(indexes, qp_delta, options.parameter_sets)


def encode_with_codebook(values: np.ndarray, header: DataUnitHeader, qp_delta: int, options: EncoderOptions) -> Values:
    """Encode one tensor with a codebook, never with dependent quantization."""
    from nnc_conformance.reference.quantization import codebook

    step = float(step_size(options.qp_density, options.qp + qp_delta))
    designed, indexes = codebook.design(values, step, method=str(options.codebook))
    header = replace(header, codebook=designed, dq_flag=False)
    return data_unit(header, {header.ids[0]: TensorContent(indexes, qp_delta, options.parameter_sets)})


def write_ndu(unit: Values, options: EncoderOptions) -> bytes:
    """Write one NDU."""
    context = StreamContext(str_seen=True, mps_seen=True, mps_quantization=options.quantization)
    return write_units([unit], context=context)


def encode_block(block: Block, parameters: Mapping[str, np.ndarray], options: EncoderOptions) -> Values:
    """Encode one NNR_PT_BLOCK: the weight, whole or as G and H, with its local scaling, batch norm and bias."""
    header = block_header(block, parameters[block.ids[0]].shape, options)
    tensors = {}
    for part in coded_parts(header):
        array = np.ascontiguousarray(parameters[part.id], dtype=np.float32)
        if not np.isfinite(array).all() or array.size == 0:
            raise EncodeError(f"{part.id!r} in a block is empty or not finite")
        if array.size != prod(part.dimensions):
            raise EncodeError(f"{part.id!r} in a block has the shape {array.shape}, not {part.dimensions}")
        delta = options.qp_delta(part.id, weight=part.is_weight)
        tensors[part.id] = quantized(part.id, array, coding_of(part, header, Interpretation()), delta, options)
    return data_unit(header, tensors)


def block_header(block: Block, shape: tuple[int, ...], options: EncoderOptions) -> DataUnitHeader:
    """Return the header of an NNR_PT_BLOCK; ``shape``: of its weight, or of G. Raise `EncodeError` if G does not fit the block."""
    name, dimensions = block.ids[0], block.dimensions or shape
    header = replace(
        simple_header(NNR_PT_BLOCK, name, dimensions, options.quantization, dq_flag=options.dq),
        ids=block.ids,
        parameter_types=block.parameter_types,
        unary_length=options.unary_length,
    )
    if block.dimensions:
        if len(shape) != 2 or 0 in shape or prod(dimensions) % shape[0]:
            raise EncodeError(f"{name!r} of shape {shape} cannot be the G of a tensor of dimensions {dimensions}")
        header = replace(header, g_number_of_rows=shape[0], decomposition_rank=shape[1])
    scanned = all(prod(matrix[1:]) > 1 for matrix in header.matrices)
    return replace(header, scan_order=options.scan_order) if scanned else header
