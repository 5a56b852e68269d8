"""Sessions whose tensors draw what no covering array has: densities, layer parameter sets, lengths,
ranks, forms of units and references by index, all mixed with the tools of updates (clauses 6 and
10).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.composition import Coded
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import SessionRecipe, StepUnits
from nnc_conformance.generator.recipes.second_edition_codebooks import codebook
from nnc_conformance.generator.recipes.topology import reference_list
from nnc_conformance.generator.recipes.updates_rows import side_of, skipping
from nnc_conformance.generator.updates import InTurn, Turn, node, stream, unit, update
from nnc_conformance.reference.composer import HeaderForm, layer_parameter_set
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import BI, BN, DC, LS, NNR_PT_BLOCK, NNR_PT_FLOAT, NNR_PT_INT
from nnc_conformance.reference.syntax.walker import Values

CLAUSES: Final = ("6 nnr_compressed_data_unit_header", "6 nnr_layer_parameter_set", "10 quant_tensor", "10 quant_param")
SESSIONS: Final = 8
STEPS: Final = 3
_TENSORS: Final = 5
_SHAPES: Final = ((12, 8), (20, 3), (9, 2, 2), (5, 3, 2, 2), (6, 1, 2, 1, 2, 2), (33, 2), (24,), (7, 5), (16, 4))
_LENGTHS: Final = (1, 2, 10, 40, 256)
_PARTS: Final = (0, LS, BN, BI, LS | BN | BI, DC, DC | BI, DC | LS | BN | BI)
_DENSITIES: Final = (0, 2, 5, 7)
_LETTERS: Final = "abcde"
_PARTIAL: Final = 2
"""Number of the form of a unit that has a partial_data_counter."""


@dataclass(frozen=True)
class DrawnChoices:
    """The source of the choices of one data unit.

    Args:
        numbers: The recipe's random numbers.
        label: Selects them.
    """

    numbers: Numbers
    label: str

    def below(self, what: str, count: int) -> int:
        """Return a number below ``count``, always the same for ``what``."""
        return int(self.numbers.integers(f"{self.label}/{what}", 1, 0, count - 1)[0])

    def of(self, what: str, values: tuple[Any, ...]) -> Any:
        """Return one of some values."""
        return values[self.below(what, len(values))]


@dataclass(frozen=True)
class DrawnTensor:
    """What stays the same of a tensor, or of a block, from step to step.

    Args:
        name: Its name, with which those of its parts begin.
        payload_type: nnr_compressed_data_unit_payload_type.
        dimensions: The header's dimensions.
        parts: compressed_parameter_types.
    """

    name: str
    payload_type: int
    dimensions: tuple[int, ...]
    parts: int

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Dimensions of each tensor by its name, in the order of the ids."""
        if self.payload_type != NNR_PT_BLOCK:
            return {self.name: self.dimensions}
        rows, columns = self.dimensions[0], int(np.prod(self.dimensions[1:]))
        weights = {"_G": (rows, 9), "_H": (9, columns)} if self.parts & DC else {"": self.dimensions}
        ends = [(LS, ".ls"), *((BN, f".bn{place}") for place in range(4)), (BI, ".bias")]
        vectors = {f"{self.name}{end}": (rows,) for kind, end in ends if self.parts & kind}
        return {f"{self.name}{end}": shape for end, shape in weights.items()} | vectors


def model_of(numbers: Numbers, place: int) -> DrawnTensor:
    """Draw a tensor or a block; the second and the fourth of a session are blocks."""
    draw = DrawnChoices(numbers, f"model/{place}")
    dimensions = draw.of("dimensions", _SHAPES)
    if place % 2:
        return DrawnTensor(_LETTERS[place], NNR_PT_BLOCK, dimensions if len(dimensions) > 1 else (6, 4), draw.of("parts", _PARTS[1:]))
    if place == 4:
        return DrawnTensor(_LETTERS[place], NNR_PT_INT, dimensions, 0)
    return DrawnTensor(_LETTERS[place], NNR_PT_FLOAT, dimensions, draw.of("parts", _PARTS[:4]))


def data_unit(numbers: Numbers, model: DrawnTensor, step: int, depth: int, quantization: Quantization, names: list[str] | None) -> InTurn:
    """Draw how a tensor or a block is coded in a step, and its indexes.

    Args:
        numbers: The recipe's random numbers.
        model: The tensor or block.
        step: Number of the stream.
        depth: put_node_depth; above 0 it has a parent.
        quantization: The qp in force.
        names: The list that ids are indexes into; None for names.
    """
    draw = DrawnChoices(numbers, f"{model.name}/{step}")
    integer, matrix = model.payload_type == NNR_PT_INT, len(model.dimensions) > 1
    length = draw.of("length", _LENGTHS)
    book = not integer and draw.below("book", 3) == 0
    dq = not integer and not book and draw.below("dq", 2) == 1
    scan = draw.below("scan", 3) if matrix else 0
    more: dict[str, Any] = {}
    limits: dict[str, tuple[int, int]] = {}
    if book:
        most = length + draw.of("limit", (2, 5))
        sides = draw.of("sides", ((most, most), (most, 1), (0, most), (most, 0)))
        more["codebook"] = codebook(*sides)
        limits[next(iter(model.shapes))] = sides
    if model.payload_type == NNR_PT_BLOCK and model.parts & DC:
        more |= {"decomposition_rank": 9, "g_number_of_rows": model.dimensions[0]}
        if book:
            more["codebook_dc"] = codebook(length + 2, length + 5)
            limits[f"{model.name}_H"] = (length + 2, length + 5)
    hdsp, rows = depth > 0 and draw.below("hdsp", 2) == 1, draw.below("rows", 2) == 1
    tensors = {}
    for name, shape in model.shapes.items():
        quants = numbers.quants(f"{name}/{step}", int(np.prod(shape)), draw.of(f"persistence/{name}", (90, 150, 200)))
        if name in limits:
            quants = np.clip(quants, -limits[name][0], limits[name][1])
        delta = 0 if integer else draw.below(f"delta/{name}", 5) - 2
        tensors[name] = _coded(quants, shape, scan, delta, hdsp=hdsp, rows=rows and _alike(shape, scan, dq=dq))
    common: dict[str, Any] = {"independently_decodable_flag": draw.below("independent", 2)}
    kind_of_unit = draw.below("unit", 3)
    common |= ({}, {"nnr_unit_size_flag": 1}, {"partial_data_counter": 0})[kind_of_unit]
    form = HeaderForm(dimensions_present=depth == 0 or draw.below("dimensions", 2) == 1, reference_list=names)
    made = unit(
        model.payload_type, tuple(model.shapes), model.dimensions, tensors, node(depth, _LETTERS.index(model.name)),
        parent=depth > 0, tca=depth > 0 and draw.below("tca", 2) == 1, quantization=quantization, form=form, common=common,
        parameter_types=model.parts, unary_length=length, scan_order=scan, dq_flag=dq, **more,
    )  # fmt: skip
    return _set_of_one(made) if kind_of_unit == _PARTIAL else made


def _set_of_one(made: Callable[[Turn], Values]) -> InTurn:
    """Give a data unit its payload as the only piece of a set."""

    def in_turn(turn: Turn) -> Values:
        whole = made(turn)
        return {**whole, "nnr_unit_payload": {"partial_data": whole["nnr_unit_payload"]["cabac_codeword"]}}

    return in_turn


def _alike(shape: tuple[int, ...], scan: int, *, dq: bool) -> bool:
    """Return whether a matrix with skipped rows reads alike with both walks of the trellis."""
    columns = int(np.prod(shape[1:]))
    return not dq or columns % 4 == 0 or scan == 0 or columns <= side_of(scan)


def _coded(quants: npt.NDArray[np.int64], shape: tuple[int, ...], scan: int, delta: int, *, hdsp: bool, rows: bool) -> Coded:
    """Return a tensor's indexes with the tools that its shape allows."""
    if len(shape) == 1:
        return Coded(quants, delta)
    if not rows:
        return Coded(quants, delta, hdsp=hdsp)
    return skipping(quants, shape, tuple(range(0, shape[0], 3)), scan, qp_delta=delta, hdsp=hdsp)


def session(numbers: Numbers, number: int) -> list[StepUnits]:
    """Draw a session of five tensors and blocks: a base model and two updates.

    Every second session refers to names by index.

    Args:
        numbers: The recipe's random numbers.
        number: The session's.
    """
    models = [model_of(numbers, place) for place in range(_TENSORS)]
    names = [name for model in models for name in model.shapes][::-1] if number % 2 else None
    depths = dict.fromkeys(models, 0)
    steps = []
    for step in range(STEPS):
        draw = DrawnChoices(numbers, f"step/{step}")
        quantization = in_force = _quantization(draw, "model")
        units: list[InTurn] = [reference_list(names)] if names else []
        for place, model in enumerate(models):
            if place in (1, 3) and draw.below(f"layer/{place}", 2):
                in_force = _quantization(draw, f"layer/{place}")
                units.append(layer_parameter_set(in_force))
            if step == 1 and place == draw.below("left out", _TENSORS):
                continue
            units.append(data_unit(numbers, model, step, depths[model], in_force, names))
            depths[model] += 1
        make = update if step else stream
        steps.append(make(*units, quantization=quantization, indexed_references=names is not None))
    return steps


def _quantization(draw: DrawnChoices, what: str) -> Quantization:
    """Draw a density, and a qp that gives a step of about a quarter."""
    density = draw.of(f"{what}/density", _DENSITIES)
    return Quantization(density, (-2 << density) - draw.below(f"{what}/qp", 1 << density))


RECIPES: Final = tuple(
    SessionRecipe(
        id=f"update-mixed-{number + 1:02}",
        title=f"Tools, lengths, ranks and forms drawn at random, session {number + 1} of {SESSIONS}",
        tests="Tensors and blocks of a model and two updates, each coded in its own way, and some in an NNR_LPS of their own.",
        catches="A decoder in which a tool of updates does not work with a density, length, rank or form that is rare.",
        clauses=CLAUSES,
        steps=lambda numbers, number=number: session(numbers, number),  # type: ignore[misc]
    )
    for number in range(SESSIONS)
)
