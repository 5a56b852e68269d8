"""Streams in which only one rule is broken and nothing else is wrong (clauses 6, 9 and 10).

A decoder that lacks the rule decodes them. They succeed vectors of the other topics that such a
decoder refuses for another reason.
"""

from collections.abc import Sequence

from nnc_conformance.generator.composition import Coded, bits32, book, header, ndu, opening
from nnc_conformance.generator.editing import cut_within, extended, header_of, payload_of
from nnc_conformance.generator.negative import broken
from nnc_conformance.generator.recipe import Recipe, write
from nnc_conformance.generator.recipes.blocks import block_header
from nnc_conformance.generator.recipes.broken_headers import ids, scalar_block, without_dimensions
from nnc_conformance.generator.recipes.inferred import container
from nnc_conformance.generator.recipes.partial_data import split
from nnc_conformance.generator.recipes.topology import reference_list, singles
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.composer import layer_parameter_set, quantization_unit, start_unit, topology_unit
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import (
    BI,
    BN,
    DC,
    LS,
    NNR_PT_BLOCK,
    NNR_PT_FLOAT,
    NNR_PT_INT,
    NNR_PT_RAW_FLOAT,
)
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_DICT, NNR_TPL_UNREC, RAW
from nnc_conformance.reference.syntax.structures.unit import NNR_QNT
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_DIMENSIONS = "tensor_dimensions"
_LAYER = layer_parameter_set(Quantization(2, -9))
_WHOLE = ndu(header(NNR_PT_FLOAT, "w", (6,)), Coded([1, -2, 300, 0, 5, 77]))
_ALL_LEAST_PROBABLE = 162
"""Bits of an INT of one index, at the default unary length, in which every bin is the least
probable.
"""
_ROWS = bytes.fromhex("8d003c4667bbec5010")
"""A codeword of 16 indexes, at most 2 in magnitude, and of a block row of two."""
_SECOND_ROW_BIT = 37
"""Bits of the first block row of `_ROWS`."""
_CUT = 4
"""A place within the payload of `_WHOLE`, in bytes."""


def one_index() -> Values:
    """Build an INT of one index."""
    return ndu(header(NNR_PT_INT, "w", (1,)), Coded([-7]))


def two_elements(payload_type: int) -> Values:
    """Build a tensor of two elements; of a BLOCK, a [2, 1] with its bias."""
    if payload_type == NNR_PT_RAW_FLOAT:
        return ndu(header(payload_type, "w", (2,)), bits32(0x3F800000, 0xC0400000))
    if payload_type == NNR_PT_BLOCK:
        return ndu(block_header(BI, (2, 1)), {"w": Coded([5, -6]), "bias": Coded([7, 8])})
    return ndu(header(payload_type, "w", (2,)), Coded([5, -6]))


def wrapping(name: str, bits: int, payload_type: int, *sizes: int) -> Recipe:
    """Build the recipe of a tensor that has 2 elements modulo 2 ** ``bits``.

    Its payload has two elements, so that a decoder that multiplies in so few bits notices nothing.

    Args:
        name: The end of the vector's id.
        bits: Bits of the product in such a decoder.
        payload_type: Payload type of the tensor.
        sizes: Its dimensions.
    """
    changes = {"count_tensor_dimensions": len(sizes), "tensor_dimensions": list(sizes)}
    scan = {"scan_order": 0} if len(sizes) > 1 else {}
    return broken(
        "dims-product",
        f"modulo-2-{bits}-{name}",
        title=f"{' x '.join(map(str, sizes))} elements, and a payload of two",
        catches=f"A decoder that keeps {bits} bits of a product: it finds two elements, and decodes them.",
        element=_DIMENSIONS,
        units=[*opening(), header_of(two_elements(payload_type), **changes, **scan)],
    )


def decomposed(g: int, h: int, **changes: int | list[int]) -> list[Values]:
    """Build a decomposed BLOCK whose header and codeword disagree.

    The header says [4, 3] and rank 2.

    Args:
        g: Number of indexes of G in the codeword.
        h: Number of indexes of H in the codeword.
        **changes: Elements of the header to change further, by name.
    """
    head = block_header(DC, (g, h), decomposition_rank=1, g_number_of_rows=g)
    unit = ndu(head, {"w_G": Coded([1] * g), "w_H": Coded([-1] * h)})
    return [*opening(), header_of(unit, **{"tensor_dimensions": [4, 3], "decomposition_rank": 2} | changes)]


def without_rank(**changes: int) -> list[Values]:
    """Build a decomposed [4, 3] of rank 0: a codeword of two tensors without indexes."""
    head = block_header(DC, (4, 3), decomposition_rank=0, g_number_of_rows=4)
    return [*opening(), header_of(ndu(head, {"w_G": Coded([]), "w_H": Coded([])}), **changes)]


def block_of_float(names: tuple[str, ...]) -> list[Values]:
    """Build a BLOCK without parts, whose codeword is that of a FLOAT of three elements.

    Args:
        names: The ids that the unit gives, one or several.
    """
    unit = ndu(header(NNR_PT_FLOAT, names[0], (3,)), Coded([1, -2, 3]))
    several = {"nnr_multiple_topology_elements_present_flag": 1, **ids(*names)} if len(names) > 1 else {}
    return [*opening(), header_of(unit, nnr_compressed_data_unit_payload_type=NNR_PT_BLOCK, **several)]


def codebook(indexes: list[int], **changes: int | list[int]) -> list[Values]:
    """Build a tensor with indexes that its codebook need not have.

    Args:
        indexes: The indexes, coded as if there were no codebook.
        **changes: Elements of codebook() to change, by name.
    """
    unit = ndu(header(NNR_PT_FLOAT, "w", (len(indexes),), codebook=book(1, -5, 0, 6)), Coded([0] * len(indexes)))
    coded = ndu(header(NNR_PT_FLOAT, "w", (len(indexes),)), Coded(indexes))
    changed = header_of(unit, codebook=unit["nnr_unit_header"]["codebook"] | changes)
    return [*opening(), payload_of(changed, **coded["nnr_unit_payload"])]


def long_code() -> list[Values]:
    """Build a FLOAT that claims a rank of 100 bits, which its decoding ignores."""
    head = header(NNR_PT_FLOAT, "w", (3,), parameter_types=DC, decomposition_rank=1, g_number_of_rows=1)
    return [*opening(), header_of(ndu(head, Coded([1, -2, 3])), decomposition_rank=(1 << 100) - 8)]


def no_last_index(stream: bytes) -> bytes:
    """Make the last codeword's terminate bin 0: lower its value, but keep its stop bit.

    All bins before the terminate bin stay as they are, because IvlOffset is at least 254 there.
    """
    value = int.from_bytes(stream)
    stop_bit = value & -value
    return (value - 2 * stop_bit).to_bytes(len(stream))


def unterminated(name: str, title: str, units: list[Values]) -> Recipe:
    """Build the recipe of a stream whose last codeword has a terminate bin of 0.

    The codeword is otherwise complete. The bin of a good stream is changed after it is written.

    Args:
        name: The end of the vector's id.
        title: The vector's title.
        units: The good stream's units.
    """
    return broken(
        "terminate",
        name,
        title=title,
        catches="A decoder that does not look at the terminate bin.",
        element="end_of_codeword",
        units=units,
        edit=no_last_index,
    )


def pieces(counters: Sequence[int], *cuts: int) -> list[Values]:
    """Build a FLOAT that is cut after these bytes of its payload, with these counters."""
    units = split(opening(), _WHOLE, list(cuts))[len(opening()) :]
    return [*opening(), *(header_of(unit, partial_data_counter=counter) for unit, counter in zip(units, counters, strict=True))]


def changing_type() -> list[Values]:
    """Build topology data in two pieces of which the second claims to be quantization data.

    The headers of both types have the same form.
    """
    whole = topology_unit(NNR_TPL_UNREC, RAW, {"topology_data": b"graph"})
    *before, last = split(opening(), whole, [2])
    formats = {"quantization_storage_format": NNR_TPL_UNREC, "quantization_compression_format": RAW}
    return [*before, header_of(last, nnr_unit_type=NNR_QNT, **formats), small()]


def longer(name: str, kind: str, before: list[Values], after: list[Values]) -> Recipe:
    """Build the recipe of a unit with a byte after its payload.

    Args:
        name: The end of the vector's id.
        kind: The unit in words, for the title.
        before: The units up to the longer one.
        after: The units that follow it.
    """
    return broken(
        "payload-end",
        name,
        title=f"A byte after the payload of {kind}, in a stream with a tensor",
        catches="A decoder that overlooks what it does not know, and gives the tensor.",
        element="nnr_unit_size",
        units=before,
        edit=lambda stream: extended(b"\x00")(stream) + write([*before, *after])[len(stream) :],
    )


def offset_too_large(offset: int) -> list[Values]:
    """Build an INT of one index with an IvlOffset not below the range.

    A decoder that goes on finds the least probable value in every bin, whatever bits follow, and
    the index 0. It reads as many bits as are here, of which the last is the stop bit.
    """
    padding = -_ALL_LEAST_PROBABLE % 8
    word = (offset << (_ALL_LEAST_PROBABLE - 9) | 1) << padding
    unit = ndu(header(NNR_PT_INT, "w", (1,)), Coded([0]))
    return [*opening(), payload_of(unit, cabac_codeword=word.to_bytes((_ALL_LEAST_PROBABLE + padding) // 8))]


def offset_too_large_at_block_row() -> list[Values]:
    """Build an INT of two block rows, the second with an IvlOffset of 256.

    A decoder that goes on finds the least probable value in every bin of it: the indexes 0 and 1.
    """
    unit = ndu(header(NNR_PT_INT, "w", (9, 2), scan_order=1), Coded([0] * 18))
    entered = header_of(unit, cabac_offset_list=[0], bit_offset_delta1=_SECOND_ROW_BIT)
    return [*opening(), payload_of(entered, cabac_codeword=_ROWS)]


RECIPES = (
    broken(
        "interval",
        "510-all-read",
        title="An offset of 510, as large as the range, in a codeword that ends where it should",
        catches="A decoder that compares off by one, and sees nothing wrong later.",
        element="IvlOffset",
        units=offset_too_large(510),
    ),
    broken(
        "interval",
        "511-all-read",
        title="An offset of 511, above the range, in a codeword that ends where it should",
        catches="A decoder that takes an offset above its range, and sees nothing wrong later.",
        element="IvlOffset",
        units=offset_too_large(511),
    ),
    broken(
        "interval",
        "block-row-all-read",
        title="An offset of 256 at a block row, in a codeword that ends where it should",
        catches="A decoder that forces the range unchecked, and does not use the entry points.",
        element="IvlCurrRange",
        units=offset_too_large_at_block_row(),
    ),
    broken(
        "dims-count",
        "scalar",
        title="tensor_dimensions_flag 1, no dimension, and one index",
        catches="A decoder that takes the tensor for a scalar.",
        element="count_tensor_dimensions",
        units=[*opening(), header_of(one_index(), count_tensor_dimensions=0, tensor_dimensions=[])],
    ),
    broken(
        "dims-absent",
        "scalar",
        title="tensor_dimensions_flag 0, no topology, and one index",
        catches="A decoder that takes the tensor for a scalar.",
        element="tensor_dimensions_flag",
        units=without_dimensions(input_parameters=True, indexes=[-7]),
    ),
    broken(
        "dims-absent",
        "scalar-no-input-parameters",
        title="No input parameters, no topology, and one index",
        catches="A decoder that takes the tensor for a scalar.",
        element="input_parameters_present_flag",
        units=without_dimensions(input_parameters=False, indexes=[-7]),
    ),
    wrapping("int", 32, NNR_PT_INT, (1 << 32) + 2),
    wrapping("int-two-dimensions", 32, NNR_PT_INT, 2, (1 << 31) + 1),
    wrapping("float", 32, NNR_PT_FLOAT, 2, (1 << 31) + 1),
    wrapping("raw", 32, NNR_PT_RAW_FLOAT, 2, (1 << 31) + 1),
    wrapping("block", 32, NNR_PT_BLOCK, 2, (1 << 31) + 1),
    wrapping("int", 64, NNR_PT_INT, 2, (1 << 63) + 1),
    wrapping("float", 64, NNR_PT_FLOAT, 2, (1 << 63) + 1),
    wrapping("raw", 64, NNR_PT_RAW_FLOAT, 2, (1 << 63) + 1),
    wrapping("block", 64, NNR_PT_BLOCK, 2, (1 << 63) + 1),
    broken(
        "dims-product",
        "modulo-2-32-decomposed",
        title="A decomposition of rank 2 ** 32 + 1, and a codeword of rank 1",
        catches="A decoder that keeps 32 bits of a rank or a product.",
        element="decomposition_rank",
        units=decomposed(2, 1, tensor_dimensions=[2, 1], decomposition_rank=(1 << 32) + 1),
    ),
    broken(
        "block-vectors",
        "scalar-ls",
        title="A BLOCK with LS whose weight has no dimension",
        catches="A decoder that reads dimension 0 unchecked, or takes it for 1.",
        element=_DIMENSIONS,
        units=scalar_block(LS),
    ),
    broken(
        "block-vectors",
        "scalar-bn",
        title="A BLOCK with BN whose weight has no dimension",
        catches="A decoder that reads dimension 0 unchecked, or takes it for 1.",
        element=_DIMENSIONS,
        units=scalar_block(BN),
    ),
    broken(
        "block-ids",
        "one-part",
        title="A BLOCK with a single id and a codeword of one tensor",
        catches="A decoder that takes a BLOCK without parts for a FLOAT.",
        element="nnr_multiple_topology_elements_present_flag",
        units=block_of_float(("w",)),
    ),
    broken(
        "block-ids",
        "weight-alone",
        title="A BLOCK with two ids, no part but the weight, and a codeword of one tensor",
        catches="A decoder that ignores ids that are left.",
        element="count_topology_elements_minus2",
        units=block_of_float(("w", "bias")),
    ),
    broken(
        "rank",
        "0-no-indexes",
        title="decomposition_rank 0, and a codeword without indexes",
        catches="A decoder that gives a G without columns and an H without rows.",
        element="decomposition_rank",
        units=without_rank(),
    ),
    broken(
        "rank",
        "rows-0-no-indexes",
        title="g_number_of_rows 0, and a codeword without indexes",
        catches="A decoder that gives a G without rows.",
        element="g_number_of_rows",
        units=without_rank(decomposition_rank=2, g_number_of_rows=0),
    ),
    broken(
        "rank",
        "rows-5-rounded",
        title="g_number_of_rows 5 of 12 elements, and a codeword of 10 and 4 indexes",
        catches="A decoder that rounds the columns of H down.",
        element="g_number_of_rows",
        units=decomposed(10, 4, g_number_of_rows=5),
    ),
    broken(
        "rank",
        "rows-24-rounded",
        title="g_number_of_rows 24 of 12 elements, and a codeword of 48 indexes",
        catches="A decoder that gives an H without columns.",
        element="g_number_of_rows",
        units=decomposed(48, 0, g_number_of_rows=24),
    ),
    broken(
        "golomb-length",
        "unused-rank",
        title="A rank of 100 bits in a FLOAT, which does not use it",
        catches="A decoder whose shift wraps, or that skips an element that it does not use.",
        element="decomposition_rank",
        units=long_code(),
    ),
    broken(
        "codebook-size",
        "0-zeros",
        title="A codebook of no values, and zeros",
        catches="A decoder that reads its zero value all the same.",
        element="codebook_size",
        units=codebook([0, 0], codebook_size=0, codebook_centre_offset=0),
    ),
    broken(
        "codebook-size",
        "offset-low-in-range",
        title="CbZeroOffset -1, and indexes that lie in the codebook",
        catches="A decoder that checks indexes only.",
        element="codebook_centre_offset",
        units=codebook([1, 2, 3], codebook_centre_offset=-2, codebook_delta_right=[0, 0, 0]),
    ),
    broken(
        "codebook-size",
        "offset-high-in-range",
        title="CbZeroOffset as large as the codebook, and indexes that lie in it",
        catches="A decoder that checks indexes only.",
        element="codebook_centre_offset",
        units=codebook([-1, -2, -3], codebook_centre_offset=2, codebook_delta_left=[0, 0, 0]),
    ),
    broken(
        "codebook-range",
        "one-value-above",
        title="A codebook of one value, 2 ** 31",
        catches="A decoder that checks the values it gets by adding only.",
        element="codebook_zero_value",
        units=codebook([0, 0], codebook_size=1, codebook_centre_offset=0, codebook_zero_value=1 << 31),
    ),
    broken(
        "codebook-range",
        "one-value-below",
        title="A codebook of one value, -2 ** 31 - 1",
        catches="A decoder that checks the values it gets by adding only.",
        element="codebook_zero_value",
        units=codebook([0, 0], codebook_size=1, codebook_centre_offset=0, codebook_zero_value=-(1 << 31) - 1),
    ),
    broken(
        "index-range",
        "dictionary-and-data",
        title="A dictionary with an index beyond the list, and a tensor",
        catches="A decoder that does not look a dictionary's index up.",
        element="element_id_index",
        units=[
            *opening(indexed_references=True),
            reference_list(["a", "b"]),
            container(NNR_TPL_DICT, prune=1, count_ids=1, pruned_element=[{"element_id_index": 2, "count_dims": 1, "dim": [2]}]),
            *singles(["a", "b"], [1]),
        ],
        level=Level.INFERRED,
    ),
    broken(
        "string-utf8",
        "list-and-data",
        title="A list with an id that is not UTF-8, and a tensor",
        catches="A decoder that passes bytes of a list through unseen.",
        element="topology_elem_id_list",
        units=[
            *opening(),
            payload_of(
                reference_list(["a", "b"]),
                topology_elements_ids_list={"count_topology_elements_minus2": 0, "topology_elem_id_list": ["a", b"\x80"]},
            ),
            small(),
        ],
    ),
    broken(
        "string-end",
        "ndu-after-data",
        title="An id without its zero byte, in the last unit after a tensor",
        catches="A decoder that gives what it has when the data of the last unit ends.",
        element="topology_elem_id",
        units=[*opening(), small("first"), small("a_long_name")],
        edit=cut_within("topology_elem_id"),
    ),
    unterminated(
        "bin-0",
        "A codeword whose terminate bin is 0, its stop bit where it belongs",
        [*opening(), small()],
    ),
    unterminated(
        "bin-0-float",
        "A terminate bin of 0 in a FLOAT",
        [*opening(), _WHOLE],
    ),
    unterminated(
        "bin-0-block",
        "A terminate bin of 0 in a BLOCK",
        [*opening(), ndu(block_header(LS | BI, (2, 2)), {"w": Coded([1, 0, -3, 2]), "ls": Coded([9, 1]), "bias": Coded([-1, 1])})],
    ),
    unterminated(
        "bin-0-decomposed",
        "A terminate bin of 0 in a decomposed BLOCK",
        decomposed(4, 3, decomposition_rank=1),
    ),
    unterminated(
        "bin-0-last-of-three",
        "A terminate bin of 0 in the last of three data units",
        [*opening(), small("a"), small("b"), ndu(header(NNR_PT_INT, "c", (4,)), Coded([0, 3, -1, 1]))],
    ),
    broken(
        "unit-size-end",
        "one-byte-of-data",
        title="A stream cut by its last byte, which is quantization data",
        catches="A decoder that takes what is there of the last unit.",
        element="nnr_unit_size",
        units=[*opening(), small(), quantization_unit(NNR_TPL_UNREC, RAW, b"data")],
        edit=lambda stream: stream[:-1],
    ),
    broken(
        "partial-order",
        "last-empty-missing",
        title="A set whose last unit, an empty one, is missing",
        catches="A decoder that decodes a set when its payload is whole.",
        element="partial_data_counter",
        units=pieces((1, 0), len(_WHOLE["nnr_unit_payload"]["cabac_codeword"]))[:-1],
    ),
    broken(
        "partial-order",
        "skips-empty",
        title="A counter that skips a number, all of the payload there",
        catches="A decoder that only looks for 0.",
        element="partial_data_counter",
        units=pieces((2, 0), _CUT),
    ),
    broken(
        "partial-order",
        "repeats-empty",
        title="A counter that stays the same at an empty unit",
        catches="A decoder that only looks for 0.",
        element="partial_data_counter",
        units=pieces((1, 1, 0), _CUT, _CUT),
    ),
    broken(
        "partial-order",
        "topology-then-quantization",
        title="A set of topology data that goes on with quantization data",
        catches="A decoder that joins whatever follows, if its header is the same.",
        element="partial_data_counter",
        units=changing_type(),
    ),
    longer("str-and-data", "an NNR_STR", [start_unit()], [opening()[1], small()]),
    longer("mps-and-data", "an NNR_MPS", opening(), [small()]),
    longer("lps-and-data", "an NNR_LPS", [*opening(), _LAYER], [small()]),
    longer("reflist-and-data", "a reference list", [*opening(), reference_list(["a", "b"])], [small()]),
    longer("last-lps", "an NNR_LPS at the stream's end", [*opening(), small(), _LAYER], []),
    longer("last-reflist", "a reference list at the stream's end", [*opening(), small(), reference_list(["a", "b"])], []),
)
