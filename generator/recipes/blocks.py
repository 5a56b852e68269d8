"""NNR_PT_BLOCK: the parts of a layer in one codeword, and parameter types in single tensors
(clauses 6 and 10).
"""

from dataclasses import replace
from math import prod

from nnc_conformance.generator.composition import SIXTEENTHS, Coded, book, header, ndu, opening
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.payload import coded_parts
from nnc_conformance.reference.syntax.structures.data_unit import BI, BN, DC, LS, NNR_PT_BLOCK, NNR_PT_FLOAT, DataUnitHeader
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_BLOCK = ("6 nnr_compressed_data_unit_header", "10 quant_tensor")
_NAMES = {LS: ("ls",), BN: ("beta", "gamma", "mean", "variance"), BI: ("bias",)}
_LETTERS = {DC: "dc", LS: "ls", BN: "bn", BI: "bi"}


def block_ids(parameter_types: int) -> tuple[str, ...]:
    """Return the ids of a BLOCK in the order of its list."""
    weights = ("w_G", "w_H") if parameter_types & DC else ("w",)
    return weights + tuple(name for kind in (LS, BN, BI) if parameter_types & kind for name in _NAMES[kind])


def block_header(parameter_types: int, dimensions: tuple[int, ...], **more: object) -> DataUnitHeader:
    """Build the header of a BLOCK with the ids that its parameter types require."""
    return header(NNR_PT_BLOCK, block_ids(parameter_types), dimensions, SIXTEENTHS, parameter_types=parameter_types, **more)


def block_stream(head: DataUnitHeader, numbers: Numbers) -> list[Values]:
    """Build a stream with a BLOCK of random indexes; each part has its own qp_delta.

    Args:
        head: The header of the BLOCK.
        numbers: The recipe's random numbers.
    """
    tensors = {
        part.id: Coded(numbers.quants(part.id, prod(part.dimensions), 190), number - 3) for number, part in enumerate(coded_parts(head))
    }
    return [*opening(), ndu(head, tensors)]


def decomposed_books() -> list[Values]:
    """Build a decomposed BLOCK with a codebook for each of G and H."""
    head = block_header(DC, (4, 3), decomposition_rank=2, g_number_of_rows=4)
    head = replace(head, codebook=book(1, -5, 1, 9), codebook_dc=book(2, -700, -30, 0, 41))
    return [*opening(), ndu(head, {"w_G": Coded([0, 1, -1, 1, 0, 0, -1, 1]), "w_H": Coded([1, -2, 0, 0, -1, 1])})]


def parts_recipe(parameter_types: int, level: Level = Level.CORE) -> Recipe:
    """Build the recipe of a BLOCK with one combination of parts.

    Args:
        parameter_types: Flags of the parts: DC, LS, BN and BI.
        level: The vector's level.
    """
    letters = [letter for kind, letter in _LETTERS.items() if parameter_types & kind]
    decomposed = {"decomposition_rank": 2, "g_number_of_rows": 4} if parameter_types & DC else {}
    head = block_header(parameter_types, (4, 3, 2), **decomposed)
    return Recipe(
        id=f"block-{'-'.join(letters)}",
        title=f"A BLOCK with {', '.join(letters).upper()}",
        tests=(
            "The payload holds LS, BI, BN and then the weight, though the ids come in another order; each part has a qp_delta of its own."
        ),
        catches="A decoder that takes the order of the ids for the order of the payload, or the batch norm's four in another order.",
        clauses=_BLOCK,
        level=level,
        units=lambda numbers: block_stream(head, numbers),
    )


def typed_single(parameter_types: int) -> Values:
    """Build a FLOAT whose parameter type says that it is a part of a block."""
    head = header(NNR_PT_FLOAT, f"part{parameter_types}", (3,), parameter_types=parameter_types)
    return ndu(head, Coded([parameter_types, 0, -1]))


def variant(name: str, head: DataUnitHeader, *, title: str, tests: str, catches: str) -> Recipe:
    """Build the recipe of a BLOCK of random indexes with the given header.

    Args:
        name: The end of the vector's id.
        head: The header.
        title: The vector's title.
        tests: What it tests.
        catches: The faults that it catches.
    """
    return Recipe(
        id=f"block-{name}",
        title=title,
        tests=tests,
        catches=catches,
        clauses=_BLOCK,
        units=lambda numbers: block_stream(head, numbers),
    )


RECIPES = (
    *map(parts_recipe, (LS, LS | BN, BI, LS | BI, BN | BI, LS | BN | BI)),
    *map(parts_recipe, (DC, DC | LS | BN, DC | BI, DC | LS | BI, DC | LS | BN | BI)),
    *(parts_recipe(types, Level.FULL) for types in (BN, DC | LS, DC | BN, DC | BN | BI)),
    variant(
        "dq",
        block_header(LS | BN | BI, (5, 7), dq_flag=True),
        title="A BLOCK with dependent quantization",
        tests="dq_flag applies to every part, each with a trellis from state 0.",
        catches="A decoder that quantizes the vectors plainly, or lets the trellis run on from part to part.",
    ),
    variant(
        "dc-dq",
        block_header(DC | LS | BI, (6, 5), dq_flag=True, decomposition_rank=3, g_number_of_rows=6),
        title="A decomposed BLOCK with dependent quantization",
        tests="G and H each start the trellis at state 0.",
        catches="A decoder that lets the trellis run on from G to H.",
    ),
    variant(
        "scan-1",
        block_header(BN | BI, (19, 5), scan_order=1),
        title="A BLOCK with a block scan",
        tests="The scan order is the weight's; vectors keep scan 0 and have no entry points.",
        catches="A decoder that scans the vectors in blocks too, or forces the range before them.",
    ),
    variant(
        "scan-2-dq",
        block_header(LS | BI, (20, 18), scan_order=2, dq_flag=True),
        title="A BLOCK with a block scan and dependent quantization",
        tests="Entry points count from the weight's first index, after the vectors in the same codeword.",
        catches="A decoder that counts entry points from the start of the payload.",
    ),
    variant(
        "dc-scan-1",
        block_header(DC | LS, (20, 3, 6), scan_order=1, decomposition_rank=17, g_number_of_rows=20),
        title="A decomposed BLOCK with entry points in G and H",
        tests="One list holds G's entries and then H's; the first of H is a change of the last of G.",
        catches="A decoder that expects a bit_offset_delta1 for each of the two.",
    ),
    variant(
        "dc-scan-1-one-block-row-g",
        block_header(DC, (4, 30), scan_order=1, decomposition_rank=17, g_number_of_rows=4),
        title="A decomposed BLOCK with entry points in H only",
        tests="With one block row in G the first entry of H has bit_offset_delta1.",
        catches="A decoder that reads a bit_offset_delta2 for the first entry of H always.",
    ),
    variant(
        "dc-rows-not-dim0",
        block_header(DC | BI, (4, 3, 2), decomposition_rank=2, g_number_of_rows=12),
        title="g_number_of_rows that is not dimension 0",
        tests="G has g_number_of_rows rows, the vectors have dimension 0.",
        catches="A decoder that takes dimension 0 for the rows of G.",
    ),
    variant(
        "dc-rank-lengths",
        block_header(DC, (3, 4), decomposition_rank=8, g_number_of_rows=1),
        title="Rank and rows at code lengths of ue(3)",
        tests="decomposition_rank 8 and g_number_of_rows 1.",
        catches="A decoder with another order of exp-Golomb code.",
    ),
    variant(
        "vector-weight",
        block_header(BI, (6,)),
        title="A BLOCK whose weight has one dimension",
        tests="There is no scan_order in its header.",
        catches="A decoder that reads a scan order whenever it reads a BLOCK.",
    ),
    variant(
        "one-row",
        block_header(LS | BN | BI, (1, 5)),
        title="A BLOCK of one row",
        tests="The vectors have one element each.",
        catches="A decoder that takes vectors of one element for scalars.",
    ),
    variant(
        "unary-length-1",
        block_header(LS | BI, (3, 5), unary_length=1),
        title="A BLOCK with unary length 1",
        tests="The unary length is that of all parts.",
        catches="A decoder that keeps the default for the vectors.",
    ),
    Recipe(
        id="block-dc-codebooks",
        title="A decomposed BLOCK with codebooks",
        tests="codebook() belongs to G, codebook of dc to H.",
        catches="A decoder that swaps the two, or gives both the same.",
        clauses=_BLOCK,
        units=lambda _: decomposed_books(),
    ),
    Recipe(
        id="ndu-float-parameter-types",
        title="Parameter types of single tensors",
        tests="compressed_parameter_types 2 to 14 in a FLOAT change nothing in its decoding.",
        catches="A decoder that expects further ids, or tensors, in such a unit.",
        clauses=_BLOCK,
        units=lambda _: opening() + [typed_single(types) for types in range(LS, 16, 2)],
    ),
)
