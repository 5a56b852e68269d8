"""NNR_TPL and NNR_QNT: unit headers, payloads, lists of ids and the pruning container (clause 6)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from nnc_conformance.reference.interpretation import DataString
from nnc_conformance.reference.syntax.context import ChangedShapes, PayloadError, StreamContext
from nnc_conformance.reference.syntax.walker import Values, Walker

NNR_TPL_UNREC: Final = 0
NNR_TPL_NNEF: Final = 1
NNR_TPL_ONNX: Final = 2
NNR_TPL_PYT: Final = 3
NNR_TPL_TEF: Final = 4
NNR_TPL_PRUN: Final = 5
NNR_TPL_REFLIST: Final = 6
STORAGE_FORMAT_NAMES: Final = ("UNREC", "NNEF", "ONNX", "PYT", "TEF", "PRUN", "REFLIST")
"""Names of the values of topology_storage_format, from 0."""

RAW: Final = 0
DEFLATE: Final = 1
"""Values of topology_compression_format: as it is, and compressed (RFC 1950)."""

NNR_TPL_BMSK: Final = 0
NNR_TPL_DICT: Final = 1
"""Values of nnr_rep_type of a pruning topology: bit mask and dictionary."""


def nnr_topology_unit_header(w: Walker) -> None:
    """Code the header of an NNR_TPL: storage format and compression format."""
    storage = w.u("topology_storage_format", 8)
    w.require("storage-format", storage < len(STORAGE_FORMAT_NAMES), f"topology_storage_format is {storage}")
    compression = w.u("topology_compression_format", 8)
    w.require("compression-format", compression in (RAW, DEFLATE), f"topology_compression_format is {compression}")


def nnr_quantization_unit_header(w: Walker) -> None:
    """Code the header of an NNR_QNT: storage format and compression format."""
    storage = w.u("quantization_storage_format", 8)
    w.require("storage-format", storage < len(STORAGE_FORMAT_NAMES), f"quantization_storage_format is {storage}")
    compression = w.u("quantization_compression_format", 8)
    w.require("compression-format", compression in (RAW, DEFLATE), f"quantization_compression_format is {compression}")


def nnr_topology_unit_payload(w: Walker, context: StreamContext, header: Values) -> None:
    """Code the payload of an NNR_TPL: pruning container, reference list, or the topology's bytes."""
    storage = header["topology_storage_format"]
    if storage == NNR_TPL_PRUN:  # branch: topology.pruning-container
        nnr_pruning_topology_container(w, context)
    elif storage == NNR_TPL_REFLIST:  # branch: topology.reference-list
        context.reference_list = topology_elements_ids_list(w, context, indexed=False)
    else:
        data = data_string(w, "topology_data")
        with payload_rules(w):
            context.shapes = context.open_topology(storage, header["topology_compression_format"], data)


def nnr_quantization_unit_payload(w: Walker, context: StreamContext, header: Values) -> None:
    """Code the payload of an NNR_QNT: the bytes of the quantization data."""
    data = data_string(w, "quantization_data")
    with payload_rules(w):
        context.open_quantization(header["quantization_storage_format"], header["quantization_compression_format"], data)


@contextmanager
def payload_rules(w: Walker) -> Iterator[None]:
    """Turn a `PayloadError` raised within the context into the broken rule's error."""
    try:
        yield
    except PayloadError as error:
        w.require(error.rule, False, str(error))


def data_string(w: Walker, name: str) -> bytes:
    """Code topology_data or quantization_data; return its bytes.

    It runs to the unit's end, or a zero byte ends it (disputed point ``data_string``).
    """
    data = w.bs(name)
    if w.interpretation.data_string is DataString.BS:  # branch: data-string.to-the-end
        return data
    text, zero, rest = data.partition(b"\0")
    w.require("string-end", bool(zero), f"no zero byte ends {name}")
    w.require("payload-end", not rest, f"{len(rest)} bytes after the zero byte of {name}")
    return text


def topology_elements_ids_list(w: Walker, context: StreamContext, *, indexed: bool) -> tuple[str, ...]:
    """Read or write topology_elements_ids_list(), which holds at least two ids; return them.

    They are coded as strings, or as indexes into the stream's reference list.
    """
    with w.structure("topology_elements_ids_list"):
        count = w.ue("count_topology_elements_minus2", 7) + 2
        if indexed:  # branch: ids.as-indexes
            ids = tuple(referenced(w, context, w.ue("topology_elem_id_index_list", 7, j)) for j in range(count))  # branch: ids.indexes
            w.byte_alignment()
        else:
            w.byte_alignment()
            ids = tuple(w.st("topology_elem_id_list", j) for j in range(count))  # branch: ids.strings
    return ids


def referenced(w: Walker, context: StreamContext, index: int) -> str:
    """Return the id at an index into the NNR_TPL_REFLIST; an empty one beyond its end."""
    w.require("index-list", context.reference_list is not None, "an indexed reference without an NNR_TPL_REFLIST before it")
    names = context.reference_list or ()
    w.require("index-range", index < len(names), f"index {index} into a list of {len(names)}")
    return names[index] if index < len(names) else ""  # branch: reference.in-range


def nnr_pruning_topology_container(w: Walker, context: StreamContext) -> None:
    """Code nnr_pruning_topology_container() [I]: masks, or new dimensions by element.

    New dimensions replace those of ``context.shapes``.
    """
    with w.structure("nnr_pruning_topology_container"):
        rep_type = w.u("nnr_rep_type", 2)
        w.require("rep-type", rep_type in (NNR_TPL_BMSK, NNR_TPL_DICT), f"nnr_rep_type is {rep_type}")
        prune = w.u("prune_flag", 1)
        w.u("order_flag", 1)
        sparse = w.u("sparse_flag", 1)
        w.reserved(3)
        if prune and rep_type == NNR_TPL_BMSK:  # branch: pruning.by-mask (asked, mask)
            bit_mask(w, "prune_bit_mask")
        if prune and rep_type == NNR_TPL_DICT:  # branch: pruning.by-dictionary (asked, dictionary)
            pruned = dict(pruned_element(w, context, i) for i in range(w.u("count_ids", 8)))  # branch: pruning.dictionary-entries
            context.shapes = ChangedShapes(context.shapes, pruned)
        if sparse:  # branch: pruning.sparse
            bit_mask(w, "sparse_bit_mask")


def pruned_element(w: Walker, context: StreamContext, i: int) -> tuple[str, tuple[int, ...]]:
    """Code one element of the pruning dictionary [I]; return its id and its new dimensions."""
    with w.structure("pruned_element", i):
        if context.indexed_references:  # branch: pruned-element.by-index
            name = referenced(w, context, w.ue("element_id_index", 7))
        else:
            name = w.st("element_id")
        count = w.ue("count_dims", 1)
        w.byte_alignment()
        dimensions = tuple(w.ue("dim", 7, k) for k in range(count))  # branch: pruned-element.dimensions
        w.byte_alignment()
    return name, dimensions


def bit_mask(w: Walker, name: str) -> None:
    """Code bit_mask() [I]: a count of bits, one bit for each value, and alignment.

    A bit is 1 if the value is kept.

    Args:
        w: Reads or writes the elements.
        name: The element that holds the mask, prune_bit_mask or sparse_bit_mask.
    """
    with w.structure(name):
        w.flags("bit_mask_value", w.u("count_bits", 32))
        w.byte_alignment()
