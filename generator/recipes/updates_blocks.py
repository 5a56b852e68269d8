"""Blocks and integers in updates: parts with histories of their own, and what updates leave out
(clauses 6 and 10).
"""

from collections.abc import Iterator
from math import prod
from typing import Any, Final

from nnc_conformance.generator.composition import Coded, book
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import SessionRecipe, StepUnits
from nnc_conformance.generator.recipes.blocks import block_ids
from nnc_conformance.generator.recipes.updates_rows import skipping
from nnc_conformance.generator.updates import InTurn, node, stream, unit, update
from nnc_conformance.reference.composer import HeaderForm
from nnc_conformance.reference.syntax.structures.data_unit import BI, BN, DC, LS, NNR_PT_BLOCK, NNR_PT_FLOAT, NNR_PT_INT
from nnc_conformance.storage.vector import Level

BLOCK: Final = ("6 nnr_compressed_data_unit_header", "10 quant_tensor")
_DIMENSIONS: Final = (4, 3, 2)
_LETTERS: Final = {DC: "dc", LS: "ls", BN: "bn", BI: "bi"}
_DECOMPOSED: Final[dict[str, Any]] = {"decomposition_rank": 2, "g_number_of_rows": 4}


def shapes_of(parameter_types: int) -> dict[str, tuple[int, ...]]:
    """Return the dimensions of each part of a block by its id."""
    weights = {"w_G": (4, 2), "w_H": (2, 6)} if parameter_types & DC else {"w": (4, 6)}
    return {name: weights.get(name, (4,)) for name in block_ids(parameter_types)}


def block(numbers: Numbers, label: str, parameter_types: int, depth: int, *, tools: bool = False, **more: Any) -> InTurn:
    """Make a BLOCK of random parts.

    Args:
        numbers: The recipe's random numbers.
        label: Selects the random numbers.
        parameter_types: Flags of the parts: DC, LS, BN and BI.
        depth: put_node_depth; above 0 the unit has a parent.
        tools: Whether its matrices use row skip and HDSP, and with a parent TCA.
        **more: Further arguments of `unit`.
    """
    tensors = {}
    for name, shape in shapes_of(parameter_types).items():
        quants = numbers.quants(f"{label}/{name}", prod(shape), 150)
        matrix = len(shape) > 1
        tensors[name] = skipping(quants, shape, (1,), hdsp=True) if tools and matrix else Coded(quants, number_of(name))
    decomposed: dict[str, Any] = _DECOMPOSED if parameter_types & DC else {}
    arguments = decomposed | {"parameter_types": parameter_types, "tca": tools and depth > 0} | more
    return unit(NNR_PT_BLOCK, block_ids(parameter_types), _DIMENSIONS, tensors, node(depth), **arguments)


def number_of(name: str) -> int:
    """Return a small number that differs between parts, for qp_delta."""
    return len(name) - 3


def block_session(numbers: Numbers, parameter_types: int, *, absent: bool = False, **more: Any) -> list[StepUnits]:
    """Make a stream with a BLOCK, and two updates of it with every tool.

    Args:
        numbers: The recipe's random numbers.
        parameter_types: Flags of the parts: DC, LS, BN and BI.
        absent: Whether the updates have no dimensions of their own.
        **more: Further arguments of `unit`.
    """
    form = HeaderForm(dimensions_present=False) if absent else None
    return [
        stream(block(numbers, "0", parameter_types, 0, **more)),
        update(block(numbers, "1", parameter_types, 1, tools=True, form=form, **more)),
        update(block(numbers, "2", parameter_types, 2, tools=True, form=form, **more)),
    ]


def parts_alone(numbers: Numbers) -> list[StepUnits]:
    """Make a session: a BLOCK, an update of its weight alone, and one of LS.

    LS are the factors of local scaling.
    """
    return [
        stream(block(numbers, "0", LS, 0)),
        update(unit(NNR_PT_FLOAT, "w", (4, 3, 2), Coded(numbers.quants("w", 24, 150)), node(1), tca=True)),
        update(unit(NNR_PT_FLOAT, "ls", (4,), Coded([1, 0, -2, 1]), node(1), tca=True)),
    ]


def part(numbers: Numbers, name: str, shape: tuple[int, ...], depth: int, *, absent: bool = True) -> InTurn:
    """Make an NNR_PT_FLOAT of one part of a block, with temporal contexts above depth 0.

    Args:
        numbers: The recipe's random numbers.
        name: The id of the part.
        shape: Its dimensions.
        depth: put_node_depth; above 0 the unit has a parent.
        absent: Whether its dimensions are left to the base model.
    """
    coded = Coded(numbers.quants(f"{name}/{depth}", prod(shape), 150))
    form = HeaderForm(dimensions_present=not absent)
    return unit(NNR_PT_FLOAT, name, shape, coded, node(depth), tca=depth > 0, form=form)


def parts_without_dimensions(numbers: Numbers) -> list[StepUnits]:
    """Make a decomposed BLOCK, and updates without dimensions: each part alone, the whole, and G
    with H.
    """
    shapes, absent = shapes_of(DC | LS), HeaderForm(dimensions_present=False)
    return [
        stream(block(numbers, "0", DC | LS, 0)),
        update(*(part(numbers, name, shapes[name], 1) for name in ("w_H", "w_G", "ls"))),
        update(block(numbers, "2", DC | LS, 2, tools=True, form=absent)),
        update(block(numbers, "3", DC, 3, tools=True, form=absent)),
    ]


def block_of_tensors(numbers: Numbers) -> list[StepUnits]:
    """Make three tensors, and updates without dimensions: all as a BLOCK, then two alone."""
    shapes = shapes_of(LS | BI) | {"w": _DIMENSIONS}
    return [
        stream(*(part(numbers, name, shape, 0, absent=False) for name, shape in shapes.items())),
        update(block(numbers, "1", LS | BI, 1, tools=True, form=HeaderForm(dimensions_present=False))),
        update(*(part(numbers, name, shapes[name], 2) for name in ("bias", "w"))),
    ]


def integers(first: list[int], *updates: list[int], **more: Any) -> list[StepUnits]:
    """Make a session of one INT vector: a stream with it, and its updates.

    Args:
        first: Its first values.
        updates: The differences of each update.
        **more: Further arguments of `unit` for the updates.
    """
    steps = [stream(unit(NNR_PT_INT, "w", (len(first),), Coded(first), node(0)))]
    for depth, quants in enumerate(updates, 1):
        steps.append(update(unit(NNR_PT_INT, "w", (len(quants),), Coded(quants), node(depth), **more)))
    return steps


def several_tensors(numbers: Numbers) -> list[StepUnits]:
    """Make a model of five tensors, and updates of some of them in another order."""

    def tensor(place: int, depth: int) -> InTurn:
        coded = Coded(numbers.quants(f"{place}/{depth}", 12 + 4 * place, 150))
        return unit(NNR_PT_FLOAT, f"w{place}", (4, 3 + place), coded, node(depth, place), tca=depth > 0)

    return [
        stream(*(tensor(place, 0) for place in range(5))),
        update(tensor(4, 1), tensor(1, 1)),
        update(tensor(0, 1), tensor(4, 2), tensor(3, 1)),
        update(tensor(1, 2), tensor(0, 2)),
    ]


def _recipes() -> Iterator[SessionRecipe]:
    """Yield the recipes of updates of blocks, integers and several tensors."""
    for parameter_types in (LS, BN, BI, LS | BI, LS | BN | BI, DC, DC | LS, DC | LS | BN | BI):
        name = "-".join(letter for kind, letter in _LETTERS.items() if parameter_types & kind)
        yield SessionRecipe(
            id=f"update-block-{name}",
            title=f"Updates of a BLOCK with {name.upper().replace('-', ', ')}",
            tests="Every part has a base, seen places and flags of its own; vectors have temporal contexts, but no flags.",
            catches="A decoder that keeps one history for a whole block, or reads flags of vectors.",
            clauses=BLOCK,
            level=Level.CORE if parameter_types in (LS, LS | BN | BI, DC, DC | LS | BN | BI) else Level.FULL,
            steps=lambda numbers, types=parameter_types: block_session(numbers, types),  # type: ignore[misc]
        )
    yield SessionRecipe(
        id="update-block-dimensions-of-base",
        title="Updates of a BLOCK that leave its dimensions to the base model",
        tests="tensor_dimensions_flag is 0 in every update.",
        catches="A decoder that looks for the dimensions of a block under the name of another part.",
        clauses=BLOCK,
        steps=lambda numbers: block_session(numbers, LS | BN | BI, absent=True),
    )
    yield SessionRecipe(
        id="update-block-dq",
        title="Updates of a BLOCK with dependent quantization",
        tests="The trellis begins anew in every part, and steps over skipped rows.",
        catches="A decoder that lets the trellis run on between parts of an update.",
        clauses=BLOCK,
        steps=lambda numbers: block_session(numbers, LS | BI, dq_flag=True),
    )
    yield SessionRecipe(
        id="update-block-parts-alone",
        title="Parts of a BLOCK that are updated alone",
        tests="The weight and the LS of a block are each updated by an NNR_PT_FLOAT of their own.",
        catches="A decoder that keeps the history of a block's part under the block's name.",
        clauses=BLOCK,
        steps=parts_alone,
    )
    yield SessionRecipe(
        id="update-block-parts-dimensions-of-base",
        title="Parts of a decomposed BLOCK that are updated alone, their dimensions left to the base model",
        tests="G, H and LS have the dimensions that the block gave them; afterwards the block has its own, with LS and without.",
        catches="A decoder that remembers the dimensions of whole blocks only, or takes those of G for those of the block.",
        clauses=BLOCK,
        steps=parts_without_dimensions,
    )
    yield SessionRecipe(
        id="update-block-of-tensors",
        title="Tensors of the base model that are updated as a BLOCK, its dimensions left to the base model",
        tests="The dimensions of the block's weight are known from a tensor of the base model, and afterwards those of its parts.",
        catches="A decoder that knows the dimensions of a block only from a block with the same parts.",
        clauses=BLOCK,
        steps=block_of_tensors,
    )
    yield SessionRecipe(
        id="update-int-sums",
        title="Updates of integers up to the ends of int32",
        tests="The difference is as large as int32 allows, and so is the sum.",
        catches="A decoder that adds in floating point, or refuses a difference that fits.",
        clauses=BLOCK,
        steps=lambda _: integers([2**31 - 2, -(2**31) + 1, 0, 5], [1, -1, 2**31 - 1, -(2**31)], [-7, 9, 0, 1], tca=True),
    )
    yield SessionRecipe(
        id="update-base-clamped",
        title="Temporal contexts after large indexes",
        tests="The contexts depend on the parent's index up to the last greater-than bin, 256; beyond it all are alike.",
        catches="A decoder that keeps the parent's indexes in eight bits, or drops their sign when it clamps them.",
        clauses=BLOCK,
        steps=lambda _: integers(
            [255, 256, 257, -255, -256, -257, 128, -128, 127, 2**31 - 1, -(2**31), 65536, 32768],
            [256, 257, 255, -256, -255, -257, 129, -129, 128, -300, 300, 256, -256],
            tca=True,
            unary_length=256,
        ),
    )
    yield SessionRecipe(
        id="update-several-tensors",
        title="Updates of some of several tensors, in another order",
        tests="Each stream updates other tensors of the model, whose depths so differ.",
        catches="A decoder that knows tensors by their place in a stream, or keeps one depth for all.",
        clauses=BLOCK,
        steps=several_tensors,
    )
    yield SessionRecipe(
        id="update-block-dc-books",
        title="Updates of a decomposed BLOCK with codebooks",
        tests="G and H each have a codebook, which limits the indexes of G and H separately.",
        catches="A decoder that takes the codebook of G for H.",
        clauses=BLOCK,
        steps=lambda _: [
            stream(
                unit(
                    NNR_PT_BLOCK, ("w_G", "w_H"), (4, 3),
                    {"w_G": Coded([0, 1, -1, 3, 0, 0, -2, 1]), "w_H": Coded([0, 4, 0, 1, 2, 3])},
                    node(0), parameter_types=DC, codebook=book(3, -9, -5, -1, 0, 2, 4, 8),
                    codebook_dc=book(0, 3, 5, 9, 12, 40, 41), unary_length=1, **_DECOMPOSED,
                )
            )
        ],
    )  # fmt: skip


RECIPES = tuple(_recipes())
