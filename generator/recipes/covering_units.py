"""Elements of units, parameter sets, lists and dimensions at the ends of their value classes
(clause 6).
"""

from dataclasses import replace

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.coverage.catalogue import wanted_values
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.blocks import block_header
from nnc_conformance.generator.recipes.topology import reference_list, singles
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.composer import (
    HeaderForm,
    layer_parameter_set,
    model_parameter_set,
    quantization_unit,
    split_unit,
    start_unit,
)
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import BI, DC, NNR_PT_BLOCK, NNR_PT_FLOAT, NNR_PT_INT
from nnc_conformance.reference.syntax.structures.parameter_sets import NNR_QCB, NNR_QSU
from nnc_conformance.reference.syntax.structures.topology import RAW, STORAGE_FORMAT_NAMES
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_SETS = ("6 nnr_model_parameter_set", "6 nnr_layer_parameter_set")
_LISTS = ("6 topology_elements_ids_list",)
_HEADER = ("6 nnr_compressed_data_unit_header",)


def method_units(flags: int) -> list[Values]:
    """Build a stream whose MPS has these quantization methods, and a small tensor.

    Args:
        flags: mps_quantization_method_flags, 0 to 7; without bit 1 (NNR_QSU) and bit 2 (NNR_QCB)
            the
        MPS has no qp.
    """
    quantization = Quantization(flags, flags - 4) if flags & (NNR_QSU | NNR_QCB) else None
    return [start_unit(), model_parameter_set(quantization, method_flags=flags), small()]


def methods(flags: int, level: Level = Level.CORE) -> Recipe:
    """Build the recipe of an MPS with one value of mps_quantization_method_flags.

    Args:
        flags: The value, 0 to 7.
        level: The vector's level.
    """
    return Recipe(
        id=f"mps-methods-{flags}",
        title=f"mps_quantization_method_flags {flags}",
        tests="The qp is there when NNR_QSU or NNR_QCB is set, whatever the third flag says.",
        catches="A decoder that reads the qp by one of the flags only, or refuses the third.",
        clauses=_SETS[:1],
        level=level,
        units=lambda _: method_units(flags),
    )


def layer_sets() -> list[Values]:
    """Build a stream with an LPS for each qp_density, each followed by another LPS.

    The first takes method flags, and qp from one end of the range to the other, in turn; the second
    has a moderate step, in which a tensor after it is coded.
    """
    units = opening()
    flags = [value for value in wanted_values("lps_quantization_method_flags", "u(3)") if value & (NNR_QSU | NNR_QCB)]
    densities = wanted_values("lps_qp_density", "u(3)")
    quantizers = wanted_values("lps_quantization_parameter", "i(13)")
    for number, density in enumerate(densities):
        quantization = Quantization(density, quantizers[number % len(quantizers)])
        units.append(layer_parameter_set(quantization, method_flags=flags[number % len(flags)]))
        mild = Quantization(density, number - 4)
        units.append(layer_parameter_set(mild))
        units.append(ndu(header(NNR_PT_FLOAT, f"w{number}", (3,), mild), Coded([1, 0, -2])))
    return units


def quantization_units() -> list[Values]:
    """Build quantization data of each storage format, ended by a zero byte.

    With the zero byte it reads the same as a string.
    """
    texts = [f"{name} data".encode() for name in STORAGE_FORMAT_NAMES]
    texts[0] = b""
    units = [quantization_unit(storage, RAW, text + b"\0") for storage, text in enumerate(texts)]
    return [*opening(), *units, small()]


def partial_byte() -> list[Values]:
    """Build a set of one unit whose payload is one byte."""
    whole = quantization_unit(0, RAW, b"\0")
    return [*opening(), *split_unit(whole, b"\0", []), small()]


def names(count: int) -> list[str]:
    """Return ``count`` distinct short names."""
    digits = "abcdefghijklmnopqrstuvwxyz0123456789"
    return [digits[n % 36] + (digits[n // 36 % 36] + digits[n // 1296] if n >= 36 else "") for n in range(count)]


def longest_list() -> list[str]:
    """Return the ids of the longest wanted reference list."""
    return names(wanted_values("count_topology_elements_minus2", "ue(7)")[-1] + 2)


def long_lists() -> list[Values]:
    """Build a stream with reference lists, and tensors that refer to the longest.

    There is a list of each length, and a tensor with an index of each size, that coverage goals ask
    for (one in each length of their codes).
    """
    longest = longest_list()
    lists = [reference_list(longest[: count + 2]) for count in wanted_values("count_topology_elements_minus2", "ue(7)")]
    return [*opening(indexed_references=True), *lists, *singles(longest, wanted_values("topology_elem_id_index", "ue(7)"))]


def listed_indexes() -> list[Values]:
    """Build a stream whose BLOCKs name their parts by indexes of each code length.

    The indexes point into the longest reference list, which stands before the BLOCKs. A BLOCK has
    two parts, and one of its indexes is the one to cover.
    """
    longest = longest_list()
    form = HeaderForm(reference_list=longest)
    indexes = wanted_values("topology_elem_id_index_list", "ue(7)")
    blocks = [two_parts((longest[index], longest[2000 + place]), form) for place, index in enumerate(indexes)]
    return [*opening(indexed_references=True), reference_list(longest), *blocks]


def two_parts(parts: tuple[str, str], form: HeaderForm | None = None) -> Values:
    """Build a BLOCK of a weight and its bias."""
    head = header(NNR_PT_BLOCK, parts, (2, 2), parameter_types=BI)
    return ndu(head, {parts[0]: Coded([1, -2, 0, 3]), parts[1]: Coded([4, -5])}, form=form)


def nameless(*, listed: bool) -> list[Values]:
    """Build a tensor with an empty name, alone or in the list of a BLOCK."""
    return [*opening(), two_parts(("w", "")) if listed else ndu(header(NNR_PT_INT, "", (2,)), Coded([1, -1]))]


def of_dimensions(count: int) -> Values:
    """Build a tensor of ``count`` dimensions."""
    return ndu(header(NNR_PT_INT, f"count{count}", (1,) * (count - 1) + (2,)), Coded([count, -1]))


def dimension_units() -> list[Values]:
    """Build vectors of each length, and tensors of each number of dimensions, to cover.

    The sizes are one for each length of their codes. All elements but the last are 0.
    """
    units = opening()
    for size in wanted_values("tensor_dimensions", "ue(7)"):
        units.append(ndu(header(NNR_PT_INT, f"size{size}", (size,)), Coded([*([0] * (size - 1)), 1])))
    return units + [of_dimensions(count) for count in wanted_values("count_tensor_dimensions", "ue(1)")]


def decomposed_units() -> list[Values]:
    """Build decomposed weights of each rank, and of each row count of G, to cover.

    The numbers are one for each length of their codes. The weights are named by number.
    """
    units = opening()
    shapes = [(rank, 1) for rank in wanted_values("decomposition_rank", "ue(3)")]
    shapes += [(1, rows) for rows in wanted_values("g_number_of_rows", "ue(3)")]
    for number, (rank, rows) in enumerate(shapes):
        ids = (f"w{number}_G", f"w{number}_H")
        head = replace(block_header(DC, (rows, 1), decomposition_rank=rank, g_number_of_rows=rows), ids=ids)
        sizes = (rows * rank, rank)
        units.append(ndu(head, {name: Coded([*([0] * (size - 1)), 1]) for name, size in zip(ids, sizes, strict=True)}))
    return units


def topology_carried() -> list[Values]:
    """Build an MPS that announces a topology, and a reference list."""
    listed = ["first", "second"]
    return [*opening(indexed_references=True, topology_carriage=True), reference_list(listed), *singles(listed, [1, 0])]


RECIPES = (
    *map(methods, range(2, 1 << 3)),
    *(methods(flags, Level.FULL) for flags in (0, 1)),
    Recipe(
        id="lps-value-classes",
        title="LPS after LPS, with every method, density and end of the qp",
        tests="Each LPS replaces the one before it, up to the next.",
        catches="A decoder that keeps an older LPS's qp or density, or reads the qp by one of the method flags only.",
        clauses=_SETS[1:],
        units=lambda _: layer_sets(),
    ),
    Recipe(
        id="qnt-storage-formats",
        title="Quantization data of each storage format",
        tests="An NNR_QNT of any format changes no parameter.",
        catches="A decoder that stops at an NNR_QNT, or takes its payload for the next unit.",
        clauses=("6 nnr_quantization_unit_header", "6 nnr_quantization_unit_payload"),
        units=lambda _: quantization_units(),
    ),
    Recipe(
        id="unit-partial-one-byte",
        title="A set of one unit with a payload of one byte",
        tests="partial_data_counter 0 stands alone: the payload is whole.",
        catches="A decoder that waits for further units of the set.",
        clauses=("6 nnr_unit_header",),
        units=lambda _: partial_byte(),
    ),
    Recipe(
        id="tpl-reflist-code-lengths",
        title="Reference lists and indexes of each code length",
        tests="Lists have up to 8066 ids; indexes stand first and last in each code length.",
        catches="A decoder that keeps a list or an index in too few bits.",
        clauses=_LISTS,
        units=lambda _: long_lists(),
    ),
    Recipe(
        id="ndu-id-index-list-code-lengths",
        title="Lists of indexes of each code length",
        tests="A BLOCK's parts refer by indexes first and last in each code length.",
        catches="A decoder that keeps an index of a list in too few bits.",
        clauses=_LISTS,
        units=lambda _: listed_indexes(),
    ),
    Recipe(
        id="ndu-id-empty",
        title="A tensor without a name",
        tests="A name may have no characters.",
        catches="A decoder that takes an empty name for the end of the unit.",
        clauses=_HEADER,
        units=lambda _: nameless(listed=False),
    ),
    Recipe(
        id="ndu-id-list-empty",
        title="A part without a name",
        tests="A name in a list may have no characters.",
        catches="A decoder that skips empty strings of a list.",
        clauses=_LISTS,
        units=lambda _: nameless(listed=True),
    ),
    Recipe(
        id="ndu-dimension-value-classes",
        title="Dimensions and numbers of dimensions of each code length",
        tests="Lengths up to 8064 and up to 30 dimensions stand first and last in each code length.",
        catches="A decoder that reads dimensions in too few bits, or has room for few.",
        clauses=_HEADER,
        units=lambda _: dimension_units(),
    ),
    Recipe(
        id="block-dc-code-lengths",
        title="decomposition_rank and g_number_of_rows of each code length",
        tests="Ranks and numbers of rows stand first and last in each code length.",
        catches="A decoder that reads rank or rows in too few bits, or takes one for the other.",
        clauses=_HEADER,
        units=lambda _: decomposed_units(),
    ),
    Recipe(
        id="mps-topology-carriage",
        title="topology_carriage_flag 1",
        tests="The flag says that an NNR_TPL is in the stream; it changes no parameter.",
        catches="A decoder that reads the flag as another.",
        clauses=_SETS[:1],
        level=Level.FULL,
        units=lambda _: topology_carried(),
    ),
)
