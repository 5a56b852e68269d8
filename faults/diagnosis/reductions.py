"""Reductions of a stream: each gives its pieces with one thing fewer or simpler."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nnc_conformance.faults.diagnosis.pieces import Data, Piece, Plain
from nnc_conformance.reference.composer import HeaderForm, TensorContent
from nnc_conformance.reference.payload import coded_parts
from nnc_conformance.reference.syntax.structures.data_unit import BI, BN, DEFAULT_UNARY_LENGTH, G_SUFFIX, LS, DataUnitHeader
from nnc_conformance.reference.syntax.structures.unit import NNR_AGG, NNR_LPS, NNR_MPS

GROUPS: Final = ((LS, 1), (BN, 4), (BI, 1))
"""The vectors of a BLOCK in the order of its ids, with the number of each."""

Pieces = tuple[Piece, ...]
"""A stream as pieces, in order."""


def reductions(pieces: Pieces) -> Iterator[Pieces]:
    """Yield every reduction of a stream, those of the largest things first."""
    for number in range(len(pieces) - 1, 0, -1):
        yield (*pieces[:number], *pieces[number + 1 :])
    for number, piece in enumerate(pieces):
        for other in _smaller(piece):
            yield (*pieces[:number], *other, *pieces[number + 1 :])


def _smaller(piece: Piece) -> Iterator[Pieces]:
    """Yield the units that can take the place of a unit to make it smaller.

    For an aggregate these may be its inner units.
    """
    if isinstance(piece, Data):
        for data in _smaller_data(piece):
            yield (data,)
        return
    if piece.unit_type == NNR_AGG:
        yield tuple(Plain(inner) for inner in piece.values["nnr_unit_payload"]["nnr_unit"])
    for values in _smaller_values(piece):
        yield (Plain(values),)


# Units as values


def _smaller_values(piece: Plain) -> Iterator[dict[str, Any]]:
    """Yield the values of a unit with one thing less each.

    The long size form or a map is left out, a quantization parameter set to 0 or halved, a topology
    emptied or halved.
    """
    payload = piece.values["nnr_unit_payload"]
    if piece.values.get("nnr_unit_size_flag"):
        yield {name: value for name, value in piece.values.items() if name != "nnr_unit_size_flag"}
    if piece.unit_type in (NNR_MPS, NNR_LPS):
        set_ = "mps" if piece.unit_type == NNR_MPS else "lps"
        for kind in ("sparsification", "pruning", "unification"):
            if payload.get(f"{set_}_{kind}_flag"):
                yield _with(piece, {f"{set_}_{kind}_flag": 0})
        if payload.get("mps_decomposition_performance_map_flag"):
            yield _with(piece, {"mps_decomposition_performance_map_flag": 0})
        for name in (f"{set_}_quantization_parameter", f"{set_}_qp_density"):
            if payload.get(name):
                yield _with(piece, {name: 0})
                yield _with(piece, {name: int(payload[name] / 2)})
    for name in ("topology_data", "quantization_data"):
        data = payload.get(name, b"")
        if data:
            yield _with(piece, {name: b""})
            yield _with(piece, {name: data[: len(data) // 2]})


def _with(piece: Plain, changes: dict[str, Any]) -> dict[str, Any]:
    return {**piece.values, "nnr_unit_payload": {**piece.values["nnr_unit_payload"], **changes}}


# Data units


def _smaller_data(piece: Data) -> Iterator[Data]:
    """Yield smaller forms of a data unit.

    They have fewer parts, elements or tools, shorter ids or simpler values.
    """
    yield from _fewer_parts(piece)
    yield from _fewer_elements(piece)
    yield from _fewer_tools(piece)
    yield from _shorter_ids(piece)
    yield from _simpler_values(piece)


def _cropped(piece: Data, header: DataUnitHeader) -> Data | None:
    """Return the unit with another header, its tensors cut to their new dimensions.

    Return None if a part is not in the unit.
    """
    if not isinstance(piece.tensors, Mapping):
        return replace(piece, header=header, tensors=_cut(piece.tensors, header.dimensions))
    old = {part.id: part.dimensions for part in coded_parts(piece.header)}
    tensors = {}
    for part in coded_parts(header):
        if part.id not in old:
            return None
        content = piece.tensors[part.id]
        tensors[part.id] = replace(content, indexes=_cut(content.indexes.reshape(old[part.id]), part.dimensions))
    return replace(piece, header=header, tensors=tensors)


def _cut(values: NDArray[Any], dimensions: tuple[int, ...]) -> NDArray[Any]:
    """Cut an array to its first elements along each axis.

    If the axes do not fit the dimensions, repeat its elements.
    """
    if values.ndim == len(dimensions) and all(new <= old for new, old in zip(dimensions, values.shape, strict=True)):
        return np.ascontiguousarray(values[tuple(slice(size) for size in dimensions)])
    return np.resize(values, dimensions)


def _fewer_parts(piece: Data) -> Iterator[Data]:
    """Yield copies of a BLOCK, each without one of its LS, batch norm or bias."""
    header = piece.header
    weights = len(header.matrices)
    first = weights
    for kind, count in GROUPS:
        if not header.parameter_types & kind:
            continue
        ids = (*header.ids[:first], *header.ids[first + count :])
        first += count
        made = _cropped(piece, replace(header, parameter_types=header.parameter_types & ~kind, ids=ids)) if len(ids) > 1 else None
        if made is not None:
            yield made


def _fewer_elements(piece: Data) -> Iterator[Data]:
    """Yield a unit with smaller or fewer dimensions, or a smaller rank of decomposition."""
    header = piece.header
    for axis, size in enumerate(header.dimensions):
        for smaller in dict.fromkeys((1, size // 4, size // 2, size - 1)):
            if 0 < smaller < size:
                dimensions = (*header.dimensions[:axis], smaller, *header.dimensions[axis + 1 :])
                yield from _of_dimensions(piece, dimensions)
    if len(header.dimensions) > 1:
        for axis in range(len(header.dimensions)):
            yield from _of_dimensions(piece, (*header.dimensions[:axis], *header.dimensions[axis + 1 :]))
    if header.decomposition_rank > 1:
        for rank in dict.fromkeys((1, header.decomposition_rank // 2)):
            made = _cropped(piece, replace(header, decomposition_rank=rank))
            if made is not None:
                yield made


def _of_dimensions(piece: Data, dimensions: tuple[int, ...]) -> Iterator[Data]:
    """Yield a data unit cropped to other dimensions, or nothing if that is impossible."""
    header = replace(piece.header, dimensions=dimensions)
    if header.decomposition_rank:
        header = replace(header, g_number_of_rows=min(header.g_number_of_rows, dimensions[0]))
        if prod(dimensions) % header.g_number_of_rows:
            return
    if len(dimensions) < 2:
        header = replace(header, scan_order=0)
    made = _cropped(piece, header)
    if made is not None:
        yield made


def _fewer_tools(piece: Data) -> Iterator[Data]:
    """Yield a unit without a coding tool, or with a simpler choice of it.

    The indexes stay if possible.
    """
    header = piece.header
    if piece.common:
        yield replace(piece, common={})
    if header.scan_order:
        yield replace(piece, header=replace(header, scan_order=0))
        yield replace(piece, header=replace(header, scan_order=1))
    if header.data_format is not None:
        yield replace(piece, header=replace(header, data_format=None))
    if not isinstance(piece.tensors, Mapping):
        return
    if header.codebook is not None:
        yield replace(piece, header=replace(header, codebook=None, codebook_dc=None))
    if header.dq_flag:
        yield _plain_sets(replace(piece, header=replace(header, dq_flag=False)))
    if header.unary_length != DEFAULT_UNARY_LENGTH or piece.form.unary_length_present:
        form = replace(piece.form, unary_length_present=False)
        yield _plain_sets(replace(piece, header=replace(header, unary_length=DEFAULT_UNARY_LENGTH), form=form))
    if header.unary_length > 1:
        yield _plain_sets(replace(piece, header=replace(header, unary_length=1), form=replace(piece.form, unary_length_present=True)))
    if any(not isinstance(one.parameter_sets, str) and np.any(one.parameter_sets) for one in piece.tensors.values()):
        yield _plain_sets(piece)
    for name, content in piece.tensors.items():
        if content.qp_delta:
            yield replace(piece, tensors={**piece.tensors, name: replace(content, qp_delta=0)})
    if piece.form != HeaderForm(reference_list=piece.form.reference_list):
        yield replace(piece, form=HeaderForm(reference_list=piece.form.reference_list))


def _plain_sets(piece: Data) -> Data:
    assert isinstance(piece.tensors, Mapping)
    return replace(piece, tensors={name: replace(one, parameter_sets="default") for name, one in piece.tensors.items()})


def _shorter_ids(piece: Data) -> Iterator[Data]:
    """Yield a unit with ids of one character, then with half of one id."""
    if piece.form.reference_list is not None:
        return
    ids = piece.header.ids
    suffix = G_SUFFIX if piece.header.decomposition_rank else ""
    short = tuple(chr(ord("a") + number) + (suffix if number == 0 else "") for number in range(len(ids)))
    if sum(map(len, short)) < sum(map(len, ids)):
        yield _renamed(piece, short)
    for number, name in enumerate(ids):
        for part in (name[: len(name) // 2], name[len(name) // 2 :]):
            if part and part not in ids:
                yield _renamed(piece, (*ids[:number], part, *ids[number + 1 :]))


def _renamed(piece: Data, ids: tuple[str, ...]) -> Data:
    """Return a data unit with other tensor ids, given in the order of its own."""
    names = dict(zip(piece.header.ids, ids, strict=True))
    header = replace(piece.header, ids=ids)
    if not isinstance(piece.tensors, Mapping):
        return replace(piece, header=header)
    return replace(piece, header=header, tensors={names[name]: one for name, one in piece.tensors.items()})


def _simpler_values(piece: Data) -> Iterator[Data]:
    """Yield a unit with zeros everywhere, in half, or in places, then smaller numbers."""
    if not isinstance(piece.tensors, Mapping):
        for values in _simpler(piece.tensors):
            yield replace(piece, tensors=values)
        return
    for name, content in piece.tensors.items():
        for values in _simpler(content.indexes):
            yield replace(piece, tensors={**piece.tensors, name: TensorContent(values, content.qp_delta, content.parameter_sets)})


MOST_PLACES: Final = 64
"""Number of non-zero elements up to which single ones are set to zero."""


def _simpler(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield copies with more zeros; of integers also with signs or halves only.

    Zeros replace all values that are not 0, then either half of them, then few at a time.
    """
    flat = values.reshape(-1)
    places = np.flatnonzero(flat)
    parts = [places, places[: len(places) // 2], places[len(places) // 2 :]]
    parts += [places[i : i + 1] for i in range(len(places))] if len(places) <= MOST_PLACES else np.array_split(places, MOST_PLACES)
    for part in parts:
        if part.size:
            made = flat.copy()
            made[part] = 0
            yield made.reshape(values.shape)
    if values.dtype.kind == "i":
        for other in (np.sign(flat), flat // 2):
            if not np.array_equal(other, flat):
                yield other.astype(values.dtype).reshape(values.shape)
