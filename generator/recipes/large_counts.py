"""Counts above 2 ** 32, and lists as long as their last 32 bits say (clause 6)."""

from nnc_conformance.generator.composition import Coded, book, header, ndu, opening
from nnc_conformance.generator.editing import StreamEdit, exp_golomb, recoded, set_to, unit_bytes
from nnc_conformance.generator.negative import broken
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.generator.recipes.blocks import block_header
from nnc_conformance.generator.recipes.inferred import container, mapped, mask
from nnc_conformance.generator.recipes.topology import reference_list
from nnc_conformance.generator.recipes.units import small
from nnc_conformance.reference.composer import HeaderForm
from nnc_conformance.reference.syntax.structures.data_unit import BI, NNR_PT_FLOAT, DimensionMapping
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_BMSK, NNR_TPL_DICT
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_2_32 = 1 << 32
_BOOK = header(NNR_PT_FLOAT, "w", (3,), codebook=book(1, -5, 0, 6))
_PRUNED = [{"element_id": "w", "count_dims": 1, "dim": [2]}]
_DICTIONARY = container(NNR_TPL_DICT, prune=1, count_ids=1, pruned_element=_PRUNED)


def indexed_block() -> list[Values]:
    """Build a BLOCK of a weight and a bias, which refers to both by index."""
    names = ["bias", "w"]
    unit = ndu(block_header(BI, (2, 3)), {"w": Coded([1, 2, -3, 0, 0, 4]), "bias": Coded([7, -7])}, form=HeaderForm(reference_list=names))
    return [*opening(indexed_references=True), reference_list(names), unit]


def counted(
    rule: str, name: str, element: str, units: list[Values], edit: StreamEdit, *, data: bool = True, level: Level | None = None
) -> Recipe:
    """Build the recipe of a last unit whose list lacks 2**32 items.

    Args:
        rule: the rule that reading a list of this length breaks.
        name: the list.
        element: the count.
        units: the stream with the right count.
        edit: gives it the large count.
        data: whether the last unit is a data unit; else one is added.
        level: the vector's level; by default that of the rule.
    """
    return broken(
        rule,
        f"{name}-above-2-32",
        title=f"{element} above 2 ** 32, and a list as long as its last 32 bits say",
        catches="A decoder that keeps the count in 32 bits, or allocates for it.",
        element=element,
        units=units,
        edit=edit if data else lambda stream: edit(stream) + unit_bytes(small("after")),
        level=level,
    )


RECIPES = (
    counted(
        "string-end",
        "reflist",
        "count_topology_elements_minus2",
        [*opening(), reference_list(["a", "b", "c"])],
        recoded("count_topology_elements_minus2", exp_golomb(_2_32 + 1, 7)),
        data=False,
    ),
    counted(
        "index-range",
        "block",
        "count_topology_elements_minus2",
        indexed_block(),
        recoded("count_topology_elements_minus2", exp_golomb(_2_32, 7)),
    ),
    counted(
        "header-in-unit",
        "dimensions",
        "count_tensor_dimensions",
        [*opening(), small()],
        recoded("count_tensor_dimensions", exp_golomb(_2_32 + 2, 1)),
    ),
    counted(
        "header-in-unit",
        "codebook",
        "codebook_size",
        [*opening(), ndu(_BOOK, Coded([0, 1, -1]))],
        recoded("codebook_size", exp_golomb(_2_32 + 3, 2)),
    ),
    counted(
        "header-in-unit",
        "shifts",
        "number_of_shifts",
        mapped((5, 4), 20, DimensionMapping(0, (1,), ((), ())), ("a", "b")),
        recoded("number_of_shifts", exp_golomb(_2_32, 1)),
        level=Level.INFERRED,
    ),
    counted(
        "header-in-unit",
        "pruned-dimensions",
        "count_dims",
        [*opening(), _DICTIONARY],
        recoded("count_dims", exp_golomb(_2_32 + 1, 1)),
        data=False,
        level=Level.INFERRED,
    ),
    broken(
        "header-in-unit",
        "mask-of-2-32-bits-less-1",
        title="A mask of 2 ** 32 - 1 bits that are not there",
        catches="A decoder whose number of bytes for the mask wraps, or that allocates for the count.",
        element="count_bits",
        units=[*opening(), container(NNR_TPL_BMSK, prune=1, prune_bit_mask=mask())],
        edit=lambda stream: set_to("count_bits", _2_32 - 1)(stream) + unit_bytes(small("after")),
        level=Level.INFERRED,
    ),
)
