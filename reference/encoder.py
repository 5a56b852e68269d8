"""The encoder: parameters by name in, a bitstream out."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any, Final

import numpy as np

from nnc_conformance.reference.composer import (
    HeaderForm,
    TensorContent,
    data_unit,
    model_parameter_set,
    quantization_unit,
    simple_header,
    start_unit,
    topology_unit,
)
from nnc_conformance.reference.encoder_options import Block, CodebookMethod, Effort, EncoderOptions, parts_of_block
from nnc_conformance.reference.entropy.coding import NO_HISTORY, TensorCoding
from nnc_conformance.reference.errors import EncodeError
from nnc_conformance.reference.interpretation import Interpretation
from nnc_conformance.reference.options import ProgressCallback, no_progress
from nnc_conformance.reference.payload import coded_parts, coding_of
from nnc_conformance.reference.quantization.choosing import choose
from nnc_conformance.reference.quantization.reconstruction import DATA_FORMATS, step_size
from nnc_conformance.reference.syntax.bitstream import write_units
from nnc_conformance.reference.syntax.context import (
    FIRST_EDITION_PROFILE,
    SECOND_EDITION_PROFILE,
    ChangedShapes,
    Shapes,
    StreamContext,
)
from nnc_conformance.reference.syntax.structures.data_unit import (
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
from nnc_conformance.reference.topology.content import Topology
from nnc_conformance.reference.topology.shapes import shapes_in
from nnc_conformance.reference.updates.base_model import BaseModel, check_base
from nnc_conformance.reference.updates.encoding import (
    CodedUnit,
    SessionStep,
    ToolChoice,
    ToolFlags,
    nodes_of,
    shortest,
    tools_to_fit,
    with_tools,
    zero_rows,
)

FEW_INDEXES_CHANGE: Final = 1.0
"""Weight of rate up to which other contexts change few indexes.

Above it, tools that do not pay for indexes chosen without them can pay for those chosen with them.
"""
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
    base: BaseModel | None = None,
    topology: Topology | None = None,
    quantization_data: Topology | None = None,
    options: EncoderOptions | None = None,
    interpretation: Interpretation | None = None,
    threads: int = 1,
    progress: ProgressCallback = no_progress,
) -> bytes:
    """Encode parameters (clauses 6, 9 and 10).

    Return the bitstream: NNR_STR, NNR_MPS, NNR_TPL if given, the NDUs.

    Floating-point tensors are quantized to NNR_PT_FLOAT. Scalars, single values, tensors that are
    not finite and those in ``options.exact`` become NNR_PT_RAW_FLOAT; integers within int32 become
    NNR_PT_INT, without loss. Through nnr_decompressed_data_format a decoder returns float16, int8,
    int16 and int64 as such, other types as float32 or int32. A scalar keeps its shape () through an
    ONNX topology; without one it becomes a tensor of one dimension.

    With ``base`` the stream is an update of the second edition. A tensor that the base model has in
    the same shape and type is sent as the difference, another one whole; one that does not change
    has no unit, and one that is not given stays as it is. With dq one has no unit either if the
    base model is as close to it as dq would come anew, for example a layer that was not trained.

    Args:
        parameters: Name to ndarray, in the order of the stream.
        base: The model that the decoder has: ``decode(stream, base=...).model`` of the stream
            before.
        topology: A topology to carry, inflated.
        quantization_data: The content of an NNR_QNT to carry, inflated.
        options: The encoder's choices; None for the defaults of `EncoderOptions` with a step for
            each tensor by `choosing.choose`.
        interpretation: The decoder's choices at disputed points, as given to `decode`; the defaults
            of `Interpretation` if None.
        threads: Data units to encode at the same time; small models are encoded in sequence.
        progress: Called with the values coded so far and the number of all values.

    Raises:
        EncodeError: For tensors that cannot be coded.
        ModelError: ``base`` is not a `BaseModel`.
    """
    check_base(base)
    for name, array in parameters.items():
        if not isinstance(name, str) or not isinstance(array, np.ndarray | np.generic):
            raise EncodeError(f"parameter {name!r} is {type(array).__name__}; parameters are NumPy arrays by name, a str")
    if options is None:
        options = choose(parameters, EncoderOptions()).options
    work = partial(_encode, parameters, topology, quantization_data, threads=threads, progress=progress)
    if not options.second_edition(base):
        return work(options, None)
    if base is not None and not options.blocks:
        options = replace(options, blocks=blocks_of_base(base, parameters))
    chosen = interpretation or Interpretation()
    tools = ToolFlags(ToolChoice.of(options.row_skip), ToolChoice.of(options.tca), ToolChoice.of(options.hdsp))
    graph = topology or (None if base is None else base.topology)
    shapes: Shapes = {} if graph is None else shapes_in(graph.storage_format, graph.data)
    step = SessionStep(base, tools, shapes, nodes_of(base, [job.ids[0] for job in plan(parameters, options)]), interpretation=chosen)
    residuals = base is not None and any(history.last_difference is not None for history in base.histories.values())
    flags = ToolChoice.of(options.pre).tried(allowed=base is not None, useful=residuals)
    return min((work(options, replace(step, pre=pre)) for pre in flags), key=len)


def blocks_of_base(base: BaseModel, parameters: Mapping[str, np.ndarray]) -> tuple[Block, ...]:
    """Return the blocks of a base model.

    Raise `EncodeError` if a part of one is not among the parameters and others are.
    """
    found = []
    for record in base.blocks.values():
        missing = [name for name in record.ids if name not in parameters]
        if missing and len(missing) < len(record.ids):
            raise EncodeError(f"{missing[0]!r} is missing; the base model has it in a block with {record.ids[0]!r}")
        if not missing:
            parts = parts_of_block(record)
            found.append(Block(parts, record.dimensions if "weight.g" in parts else ()))
    return tuple(found)


def _encode(
    parameters: Mapping[str, np.ndarray],
    topology: Topology | None,
    quantization_data: Topology | None,
    options: EncoderOptions,
    step: SessionStep | None,
    *,
    threads: int,
    progress: ProgressCallback,
) -> bytes:
    """Encode one stream, with the data units on several threads.

    Args:
        parameters: Arrays by name, in the order of the stream.
        topology: A topology to carry, inflated.
        quantization_data: The content of an NNR_QNT to carry.
        options: The encoder's choices.
        step: Base model and tools of a session; None for a stream of the first edition.
        threads: Data units to encode at the same time.
        progress: Called with the values coded so far and the number of all values.
    """
    base = None if step is None else step.base
    shapes: Shapes = {} if topology is None else shapes_in(topology.storage_format, topology.data)
    known = ChangedShapes(shapes, {} if base is None else base.shapes)
    jobs = plan(parameters, options)
    work: Callable[[_Job], Values | None] = lambda job: encode_job(job, parameters, options, known, step)  # noqa: E731
    done, total = 0, sum(array.size for array in parameters.values())
    at_once = min(threads, len(jobs), total // MIN_VALUES_PER_THREAD)
    data_units: list[Values] = []
    with thread_pool(max(at_once, 1)) as pool:
        for job, unit in zip(jobs, pool.map(work, jobs) if at_once > 1 else map(work, jobs), strict=True):
            data_units += [] if unit is None else [unit]
            done += sum(parameters[name].size for name in job.ids)
            progress(done, total)
    carried = topology is not None
    pre = step is not None and step.pre
    units = [
        start_unit(FIRST_EDITION_PROFILE if step is None else SECOND_EDITION_PROFILE),
        model_parameter_set(
            options.quantization, topology_carriage=carried, maps=options.maps, parent_signalling=base is not None, pre=pre
        ),
    ]
    if topology is not None:
        units.append(topology_values(topology))
    if quantization_data is not None:
        units.append(quantization_unit(quantization_data.storage_format, RAW, quantization_data.data))
    if options.pruned:
        units.append(pruned_values(options.pruned))
    context = StreamContext(open_topology=lambda *_: shapes, base_shapes={} if base is None else base.shapes)
    return write_units([*units, *data_units], context=context)


def topology_values(topology: Topology) -> Values:
    """Return the NNR_TPL, deflated if that makes it shorter; UNREC stays text."""
    deflated = topology.data if topology.storage_format == NNR_TPL_UNREC else zlib.compress(topology.data, 9)
    compression, data = (DEFLATE, deflated) if len(deflated) < len(topology.data) else (RAW, topology.data)
    return topology_unit(topology.storage_format, compression, {"topology_data": data})


def pruned_values(pruned: Mapping[str, tuple[int, ...]]) -> Values:
    """Return the NNR_TPL with a dictionary of new dimensions [I].

    Raise `EncodeError` for more tensors than count_ids can hold.
    """
    if len(pruned) > MOST_PRUNED:
        raise EncodeError(f"{len(pruned)} pruned tensors, a dictionary holds {MOST_PRUNED}")
    elements = [{"element_id": name, "count_dims": len(dims), "dim": list(dims)} for name, dims in pruned.items()]
    flags: Values = {"nnr_rep_type": NNR_TPL_DICT, "prune_flag": 1, "order_flag": 1, "sparse_flag": 0}
    container = {**flags, "count_ids": len(elements), "pruned_element": elements}
    return topology_unit(NNR_TPL_PRUN, RAW, {"nnr_pruning_topology_container": container})


def plan(parameters: Mapping[str, np.ndarray], options: EncoderOptions) -> list[_Job]:
    """Plan the data units in the order of the parameters.

    A block takes the place of its weight.

    Raises:
        EncodeError: If a block names a parameter that is missing.
    """
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


def encode_job(
    job: _Job, parameters: Mapping[str, np.ndarray], options: EncoderOptions, shapes: Shapes, step: SessionStep | None = None
) -> Values | None:
    """Encode the data unit of one tensor or block.

    Return None if it would change nothing.

    Args:
        job: The ids of the unit, and its block.
        parameters: All arrays by name.
        options: The encoder's choices.
        shapes: Shapes that a topology or base model states; such scalars keep their shape ().
        step: The step of a session; None in the first edition.

    Raises:
        EncodeError: For values that cannot be coded.
    """
    name, array = job.ids[0], parameters[job.ids[0]]
    if job.block is not None:
        return encode_block(job.block, parameters, options, step)
    narrow = array.astype(np.float32) if array.dtype == np.float64 else array
    if coding(narrow) is Coding.UNCHANGED:
        raise EncodeError(f"{name!r}: {array.dtype} of shape {array.shape} with these values cannot be coded")
    single = coded(narrow)
    dimensions = array.shape or (() if shapes.get(name) == () else (1,))
    if step is not None and step.unchanged(name, single.reshape(dimensions)):
        return None
    form = HeaderForm(dimensions_present=bool(dimensions), input_parameters=bool(dimensions))
    data_format = None if name in (shapes if step is None else step.graph) else given_back(array.dtype)
    if single.dtype == np.int32:
        header = simple_header(NNR_PT_INT, name, dimensions, None)
        header = replace(header, unary_length=options.unary_length if dimensions else header.unary_length, data_format=data_format)
        return encode_integers(header, single.reshape(dimensions), form, options, step)
    if name in options.exact or role(single) is Role.OTHER:
        header = replace(simple_header(NNR_PT_RAW_FLOAT, name, dimensions, None), data_format=data_format)
        return data_unit(header if step is None else step.alone(header), single.reshape(-1), form=form)
    return encode_float(name, single, dimensions, options, data_format, step)


def is_given_back(dtype: np.dtype[Any]) -> bool:
    """Return whether a decoder gives back tensors of ``dtype`` as such, without a topology."""
    return dtype in (np.float32, np.int32) or given_back(dtype) is not None


def given_back(dtype: np.dtype[Any]) -> int | None:
    """Return the nnr_decompressed_data_format for ``dtype``.

    Return None if the payload has that type anyway, or no format has it.
    """
    if dtype in (np.dtype(np.float32), np.dtype(np.int32)):
        return None
    formats = {np.dtype(kind): number for number, (_, kind, bits) in enumerate(DATA_FORMATS) if bits in (0, np.dtype(kind).itemsize * 8)}
    return formats.get(dtype)


def encode_integers(
    header: DataUnitHeader, values: np.ndarray, form: HeaderForm, options: EncoderOptions, step: SessionStep | None
) -> Values:
    """Encode one int32 tensor without loss, as NNR_PT_INT.

    Args:
        header: The header of its unit.
        values: The tensor.
        form: How the header is written.
        options: The encoder's options, of which the parameter sets are used.
        step: The step of a session, whose base model the unit updates; None in the first edition.
    """
    name = header.ids[0]
    if step is not None:
        header, values = next_of(step.update_of(header, {name: values}), name)
    header, contents = chosen_tools(header, {name: TensorContent(values, parameter_sets=options.fitted_sets)}, step)
    return data_unit(header, contents, form=form, interpretation=interpretation_of(step))


def next_of(update: tuple[DataUnitHeader, Mapping[str, np.ndarray]], name: str) -> tuple[DataUnitHeader, np.ndarray]:
    """Return header and values of an update of one tensor."""
    header, values = update
    return header, values[name]


def interpretation_of(step: SessionStep | None) -> Interpretation:
    """Return the decoder's choices at disputed points."""
    return Interpretation() if step is None else step.interpretation


def chosen_tools(header: DataUnitHeader, contents: dict[str, TensorContent], step: SessionStep | None) -> CodedUnit:
    """Return a unit's header and contents with the tools of the second edition chosen.

    Without a step, as in the first edition, they stay as they are.

    Args:
        header: The header of the unit.
        contents: The indexes of each tensor, by id.
        step: The step of a session; None in the first edition.
    """
    return (header, contents) if step is None else with_tools(header, contents, step)


def encode_float(
    name: str,
    values: np.ndarray,
    dimensions: tuple[int, ...],
    options: EncoderOptions,
    data_format: int | None,
    step: SessionStep | None = None,
) -> Values | None:
    """Quantize and encode one tensor as NNR_PT_FLOAT; return None if the unit would change nothing.

    A codebook is used if the options ask for one and it makes the unit smaller.

    Args:
        name: Its id.
        values: The tensor, float32.
        dimensions: Its dimensions.
        options: The encoder's choices.
        data_format: nnr_decompressed_data_format, None for none.
        step: The step of a session; None in the first edition.
    """
    matrix, whole = len(dimensions) > 1, values.reshape(dimensions)
    header = replace(
        simple_header(NNR_PT_FLOAT, name, dimensions, options.quantization, dq_flag=options.dq),
        unary_length=options.unary_length,
        scan_order=options.scan_order if matrix and prod(dimensions[1:]) > 1 else 0,
        data_format=data_format,
    )
    if step is not None and name in options.indexes:
        header = step.alone(header)
    elif step is not None:
        header, values = next_of(step.update_of(header, {name: whole}), name)
    delta = options.qp_delta(name, weight=role(values) is Role.WEIGHT)
    if step is not None and step.codes_noise(header, {name: values}, {name: whole}, {name: step_of(options, delta)}):
        return None
    content = quantized(name, values, coding_of_first(header, step), delta, options)
    if step is not None and step.says_nothing(header, {name: content}):
        return None
    plain = quantized_unit(header, {name: values}, {name: content}, options, step)
    if plain is None or options.codebook is CodebookMethod.NONE or not matrix or name in options.indexes:
        return plain
    with_codebook = encode_with_codebook(values, header, delta, options, step)
    return min((plain, with_codebook), key=lambda unit: len(write_ndu(unit, options, step)))


def quantized_unit(
    header: DataUnitHeader,
    values: Mapping[str, np.ndarray],
    contents: dict[str, TensorContent],
    options: EncoderOptions,
    step: SessionStep | None,
) -> Values | None:
    """Build the unit of quantized tensors; return None if it would change nothing.

    If the chosen tools select contexts by history, the indexes are chosen again with those
    contexts; the shorter unit is returned.

    Args:
        header: The header of the unit.
        values: The values of each part, by id.
        contents: The indexes of each part, by id.
        options: The encoder's choices.
        step: The step of a session; None in the first edition.
    """
    if step is None or options.rate_weight == 0:
        header, contents = chosen_tools(header, contents, step)
        return data_unit(header, contents, interpretation=interpretation_of(step))
    ways = []
    for tools in tools_to_fit(header, step) if options.rate_weight > FEW_INDEXES_CHANGE else (step.tools,):
        for way in fitted_to_tools(header, values, contents, options, replace(step, tools=tools)):
            if step.says_nothing(*way):
                return None
            ways.append(way)
    header, contents = shortest(ways, step.interpretation)
    return data_unit(header, contents, interpretation=step.interpretation)


def fitted_to_tools(
    header: DataUnitHeader,
    values: Mapping[str, np.ndarray],
    contents: dict[str, TensorContent],
    options: EncoderOptions,
    step: SessionStep,
) -> Iterator[CodedUnit]:
    """Yield header and contents of a unit with the tools chosen for its indexes.

    If these tools select contexts by history, also yield those with indexes chosen for the
    contexts, and with tools chosen anew for these.

    Args:
        header: The header of the unit.
        values: The values of each part, by id.
        contents: The indexes of each part, by id.
        options: The encoder's choices.
        step: The step of the session.
    """
    header, contents = chosen_tools(header, contents, step)
    yield header, contents
    once_more = quantized_with_tools(header, values, contents, options, step)
    if any(once_more[name] is not content for name, content in contents.items()):
        yield chosen_tools(header, once_more, step)


def quantized_with_tools(
    header: DataUnitHeader,
    values: Mapping[str, np.ndarray],
    contents: Mapping[str, TensorContent],
    options: EncoderOptions,
    step: SessionStep,
) -> dict[str, TensorContent]:
    """Quantize parts again with the contexts that their chosen tools select.

    Parts whose tools do not select contexts by history stay as they are.

    Args:
        header: The header of the unit.
        values: The values of each part, by id.
        contents: The indexes of each part, with the chosen tools and histories.
        options: The encoder's choices.
        step: The step of the session.
    """
    again = dict(contents)
    for part in coded_parts(header):
        known, how = contents[part.id], coding_of(part, header, step.interpretation)
        if part.id in options.indexes or not ((how.tca and known.history.base.any()) or (known.hdsp and known.history.seen.any())):
            continue
        content = quantized(part.id, values[part.id], how, known.qp_delta, options, known)
        skipped = None if known.skipped is None else zero_rows(content.indexes, how)
        again[part.id] = replace(known, indexes=content.indexes, skipped=skipped)
    return again


def coding_of_first(header: DataUnitHeader, step: SessionStep | None = None) -> TensorCoding:
    """Return the coding of a unit's only tensor."""
    return coding_of(coded_parts(header)[0], header, interpretation_of(step))


def quantized(
    name: str, values: np.ndarray, how: TensorCoding, qp_delta: int, options: EncoderOptions, known: TensorContent | None = None
) -> TensorContent:
    """Quantize float32 values to indexes, unless the options hold indexes for the tensor.

    Args:
        name: Id of the tensor.
        values: The tensor.
        how: Its coding.
        qp_delta: Difference of its qp from that of the options.
        options: The encoder's choices.
        known: Content whose tools and history select the contexts; None for no history.

    Raises:
        EncodeError: If the values do not fit int32 steps.
    """
    if name in options.indexes:
        return TensorContent(options.indexes[name], qp_delta, options.fitted_sets)
    from nnc_conformance.reference.quantization.finer_steps import smallest
    from nnc_conformance.reference.quantization.quantizer import quantize

    qp = options.qp + qp_delta
    try:
        if options.effort is Effort.BEST and options.rdo > 0 and known is None:
            indexes, qp = smallest(values, how, qp, options.qp_density, lowest=options.lowest_qp, rdo=options.rdo)
        else:
            history, hdsp = (NO_HISTORY, False) if known is None else (known.history, known.hdsp)
            step = step_of(options, qp_delta)
            indexes = quantize(values, step, how, rdo=options.rate_weight, history=history, hdsp=hdsp)
    except EncodeError as error:
        remedy = "give it a greater qp, or keep it exact"
        raise EncodeError(f"{name!r} with qp {qp}: {error}; {remedy}") from None
    return TensorContent(indexes, qp - options.qp, options.fitted_sets)


def step_of(options: EncoderOptions, qp_delta: int) -> float:
    """Return the step of a tensor whose qp is ``qp_delta`` above that of the options."""
    return float(step_size(options.qp_density, options.qp + qp_delta))


def encode_with_codebook(
    values: np.ndarray, header: DataUnitHeader, qp_delta: int, options: EncoderOptions, place: SessionStep | None = None
) -> Values:
    """Encode one tensor with a codebook that is designed for it, without dependent quantization.

    Args:
        values: The tensor.
        header: The header of its unit.
        qp_delta: Difference of the tensor's qp from that of the options.
        options: The encoder's options; they name the method of design.
        place: The step of a session; None in the first edition.
    """
    from nnc_conformance.reference.quantization import codebook

    step = step_of(options, qp_delta)
    designed, indexes = codebook.design(values, step, method=str(options.codebook), rdo=options.rate_weight)
    header = replace(header, codebook=designed, dq_flag=False)
    header, contents = chosen_tools(header, {header.ids[0]: TensorContent(indexes, qp_delta, options.fitted_sets)}, place)
    return data_unit(header, contents, interpretation=interpretation_of(place))


def write_ndu(unit: Values, options: EncoderOptions, step: SessionStep | None = None) -> bytes:
    """Return the bytes of one data unit, written as in a stream with these options.

    Args:
        unit: The values of the unit.
        options: The encoder's options, with the qp in force.
        step: The step of a session; None in the first edition.
    """
    context = StreamContext(str_seen=True, mps_seen=True, mps_quantization=options.quantization)
    if step is not None:
        context.profile, context.parent_signalling, context.pre = SECOND_EDITION_PROFILE, step.base is not None, step.pre
    return write_units([unit], context=context)


def encode_block(
    block: Block, parameters: Mapping[str, np.ndarray], options: EncoderOptions, step: SessionStep | None = None
) -> Values | None:
    """Encode one NNR_PT_BLOCK; return None if it would change nothing.

    It has a weight, whole or as G and H, and perhaps local scaling, batch norm and bias.

    Args:
        block: The names of its parts.
        parameters: All arrays by name.
        options: The encoder's choices.
        step: The step of a session; None in the first edition.

    Raises:
        EncodeError: If a part is empty, not finite or of the wrong shape.
    """
    header = block_header(block, parameters[block.ids[0]].shape, options)
    values = {}
    for part in coded_parts(header):
        array = np.ascontiguousarray(parameters[part.id], dtype=np.float32)
        if not np.isfinite(array).all() or array.size == 0:
            raise EncodeError(f"{part.id!r} in a block is empty or not finite")
        if array.size != prod(part.dimensions):
            raise EncodeError(f"{part.id!r} in a block has the shape {array.shape}, not {part.dimensions}")
        values[part.id] = array.reshape(part.dimensions)
    new = values
    if step is not None:
        if all(step.unchanged(name, array) for name, array in values.items()):
            return None
        given = any(name in options.indexes for name in values)
        header, values = (step.alone(header), values) if given else step.update_of(header, values)
    deltas = {part.id: options.qp_delta(part.id, weight=part.is_weight) for part in coded_parts(header)}
    if step is not None and step.codes_noise(header, values, new, {name: step_of(options, delta) for name, delta in deltas.items()}):
        return None
    contents = {}
    for part in coded_parts(header):
        how = coding_of(part, header, interpretation_of(step))
        contents[part.id] = quantized(part.id, values[part.id], how, deltas[part.id], options)
    if step is not None and step.says_nothing(header, contents):
        return None
    return quantized_unit(header, values, contents, options, step)


def block_header(block: Block, shape: tuple[int, ...], options: EncoderOptions) -> DataUnitHeader:
    """Return the header of an NNR_PT_BLOCK.

    Args:
        block: The block.
        shape: Shape of its weight, or of G.
        options: The encoder's choices.

    Raises:
        EncodeError: If G does not fit the block.
    """
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
