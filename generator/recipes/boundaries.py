"""Values at which one small fault shows that nothing else shows (clauses 6 and 10)."""

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.editing import cut_within, header_of, payload_of, unit_bytes
from nnc_conformance.generator.facts import INT32_FORMAT
from nnc_conformance.generator.negative import broken
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.blocks import block_header, variant
from nnc_conformance.generator.recipes.broken_units import pieces
from nnc_conformance.generator.recipes.ids import block_named
from nnc_conformance.generator.recipes.partial_data import split
from nnc_conformance.generator.recipes.topology import reference_list
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.quantization.reconstruction import FLOAT64_FORMAT
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import DC, NNR_PT_FLOAT, NNR_PT_INT
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_HEADER = ("6 nnr_compressed_data_unit_header",)
_ENDS = (0, 1, -1, (1 << 30) - 1, 1 << 30, -(1 << 30) - 1, (1 << 31) - 1, -(1 << 31))
_INT64_FORMAT = 7
_STEP = 40
"""Binary logarithm of the step of `large_integers`."""


def lists_last_id() -> Recipe:
    """Build the recipe of a list whose missing zero byte stands in the next unit."""
    cut = cut_within("topology_elem_id_list", 1)
    return broken(
        "string-end",
        "list-before-a-unit",
        title="A list whose last id has no zero byte, and a unit after it",
        catches="A decoder that looks for the zero byte up to the stream's end.",
        element="topology_elem_id_list",
        units=[*opening(), reference_list(["a", "b"])],
        edit=lambda stream: cut(stream) + unit_bytes(small("after")),
    )


def large_integers() -> list[Values]:
    """Build a FLOAT of integers from -2**63 to 2**62, converted to INT64."""
    quantization = Quantization(0, _STEP)
    head = header(NNR_PT_FLOAT, "w", (4,), quantization, data_format=_INT64_FORMAT)
    return [*opening(quantization), ndu(head, Coded([1 << 62 - _STEP, -(1 << 62 - _STEP) - 1, -(1 << 63 - _STEP), 1]))]


def small_step() -> list[Values]:
    """Build a FLOAT whose step and index binary32 does not hold, converted to FLOAT64."""
    quantization = Quantization(0, -200)
    head = header(NNR_PT_FLOAT, "w", (4,), quantization, data_format=FLOAT64_FORMAT)
    return [*opening(quantization), ndu(head, Coded([1, (1 << 24) + 1, -3, 0]))]


def empty_set() -> list[Values]:
    """Build a set of partial data whose NDU has no byte of payload."""
    return split(opening(), payload_of(small(), cabac_codeword=b""), [0])


def other_ids() -> list[Values]:
    """Build a BLOCK in two pieces that disagree about the name of the bias."""
    *before, whole = block_named("w", "b")
    *rest, last = split(before, whole, [3])
    ids = last["nnr_unit_header"]["topology_elements_ids_list"]
    return [*rest, header_of(last, topology_elements_ids_list={**ids, "topology_elem_id_list": ["w", "c"]})]


RECIPES = (
    Recipe(
        id="ndu-format-int-default-ends",
        title="INT32 sent, at the ends of its range",
        tests="The default format of an INT has 32 bits: every index fits it.",
        catches="A decoder that converts to the default format with one bit less.",
        clauses=_HEADER,
        units=lambda _: [*opening(), ndu(header(NNR_PT_INT, "w", (len(_ENDS),), data_format=INT32_FORMAT), Coded(list(_ENDS)))],
    ),
    variant(
        "dc-rank-1",
        block_header(DC, (3, 4), decomposition_rank=1, g_number_of_rows=3),
        title="A decomposed BLOCK of rank 1",
        tests="decomposition_rank is 1 at least: G is a column, H a row.",
        catches="A decoder that asks for two columns of G, or drops dimensions of 1.",
    ),
    lists_last_id(),
    broken(
        "unit-size-end",
        "first-byte",
        title="A stream of one byte",
        catches="A decoder that takes a byte for no stream at all.",
        element="nnr_unit_size",
        edit=lambda stream: stream[:1],
    ),
    broken(
        "cabac-end",
        "billions",
        title="Two billion indexes in a few bytes",
        catches="A decoder that allocates before it decodes.",
        element="cabac_codeword",
        units=[*opening(), header_of(small(), count_tensor_dimensions=2, tensor_dimensions=[1 << 15, 1 << 16])],
    ),
    Recipe(
        id="format-float-to-int64-large",
        title="FLOAT to INT64, large numbers",
        tests="INT64 holds -2 ** 63, and numbers beyond 2 ** 62.",
        catches="A decoder that converts by way of fewer bits.",
        clauses=_HEADER,
        units=lambda _: large_integers(),
        level=Level.INFERRED,
    ),
    Recipe(
        id="format-float-to-float64-small-step",
        title="FLOAT to FLOAT64, a small step",
        tests="FLOAT64 holds the exact product, beyond the range and the precision of FLOAT32.",
        catches="A decoder that computes the step or the product in binary32 and widens it.",
        clauses=_HEADER,
        units=lambda _: small_step(),
        level=Level.INFERRED,
    ),
    broken(
        "partial-order",
        "other-dimensions",
        title="A set whose headers differ in a dimension",
        catches="A decoder that compares single elements of the headers only.",
        element="partial_data_counter",
        units=[*pieces(2)[:3], header_of(pieces(2)[-1], tensor_dimensions=[7])],
    ),
    broken(
        "partial-order",
        "other-ids",
        title="A set whose headers differ in a list of ids",
        catches="A decoder that compares single elements of the headers only.",
        element="partial_data_counter",
        units=other_ids(),
    ),
    broken(
        "cabac-end",
        "empty-set",
        title="A set of partial data without a byte of payload",
        catches="A decoder that finds no piece for the fault's place.",
        element="cabac_codeword",
        units=empty_set(),
    ),
)
