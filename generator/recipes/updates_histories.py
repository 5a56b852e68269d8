"""Each tool of updates after each kind of history: what a decoder must and must not remember
(clause 10).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from nnc_conformance.generator.composition import SIXTEENTHS, Coded
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import SessionRecipe, StepUnits
from nnc_conformance.generator.recipes.second_edition_codebooks import codebook
from nnc_conformance.generator.recipes.updates_rows import skipping
from nnc_conformance.generator.updates import InTurn, node, stream, unit, update
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import LS, NNR_PT_BLOCK, NNR_PT_FLOAT, NNR_PT_INT, NNR_PT_RAW_FLOAT
from nnc_conformance.storage.vector import Level

CLAUSES: Final = ("10 quant_tensor", "10 quant_param", "6 nnr_compressed_data_unit_header")
DIMENSIONS: Final = (10, 12)
_COUNT: Final = 120
_SKIPPED: Final = (0, 4, 5, 9)


@dataclass(frozen=True)
class Tool:
    """A choice of the tools of updates.

    Args:
        name: In ids.
        words: In titles.
        tca: temporal_context_modeling_flag.
        hdsp: hist_dep_sig_prob_enabled_flag.
        rows: Whether rows are skipped.
    """

    name: str
    words: str
    tca: bool = False
    hdsp: bool = False
    rows: bool = False


TOOLS: Final = (
    Tool("sum", "no tool"),
    Tool("tca", "temporal contexts", tca=True),
    Tool("hdsp", "history dependent significance", hdsp=True),
    Tool("rows", "skipped rows", rows=True),
    Tool("tca-hdsp", "temporal contexts and history dependent significance", tca=True, hdsp=True),
    Tool("all", "every tool", tca=True, hdsp=True, rows=True),
)


@dataclass(frozen=True)
class Form:
    """How a data unit codes its tensor; the weight of a BLOCK is the tensor."""

    payload_type: int = NNR_PT_FLOAT
    scan_order: int = 0
    dq_flag: bool = False
    book: bool = False
    unary_length: int = 10
    quantization: Quantization = SIXTEENTHS
    dimensions: tuple[int, ...] = DIMENSIONS
    name: str = "w"
    parameter_id: int = 0


PLAIN: Final = Form()


@dataclass(frozen=True)
class Earlier:
    """An earlier data unit of the tensor: its form, and which tools it uses."""

    form: Form = PLAIN
    depth: int = 0
    tool: Tool = TOOLS[0]
    zeros: bool = False
    parent: bool | None = None


@dataclass(frozen=True)
class History:
    """Streams before the last, and the form of the tensor in that.

    Args:
        name: In ids.
        words: In titles.
        steps: The data units of each stream.
        form: Form of the last data unit.
        depth: Its put_node_depth.
        tools: Names of the tools for which the readings agree; empty for all.
    """

    name: str
    words: str
    steps: tuple[tuple[Earlier, ...], ...]
    form: Form = PLAIN
    depth: int = 1
    tools: tuple[str, ...] = ()


def data_unit(numbers: Numbers, label: str, earlier: Earlier) -> InTurn:
    """Make a data unit of random indexes, or of zeros.

    Args:
        numbers: The recipe's random numbers.
        label: Selects the random numbers.
        earlier: Form and tools of the unit.
    """
    form, tool = earlier.form, earlier.tool
    own = node(earlier.depth, form.parameter_id)
    if form.payload_type == NNR_PT_RAW_FLOAT:
        values = numbers.quants(label, _COUNT, 128).astype(np.float32).reshape(form.dimensions) / np.float32(8)
        return unit(NNR_PT_RAW_FLOAT, form.name, form.dimensions, values, own, parent=earlier.parent)
    quants = np.zeros(_COUNT, np.int64) if earlier.zeros else numbers.quants(label, _COUNT, 150)
    if form.book:
        quants = np.clip(quants, -5, 5)
    more: dict[str, Any] = {"scan_order": form.scan_order, "dq_flag": form.dq_flag, "unary_length": form.unary_length}
    if form.book:
        more |= {"codebook": codebook(5, 5), "unary_length": 1}
    coded = skipping(quants, form.dimensions, _SKIPPED if tool.rows else (), form.scan_order, hdsp=tool.hdsp)
    coded = coded if tool.rows else Coded(coded.quants, hdsp=tool.hdsp)
    common: dict[str, Any] = {"tca": tool.tca, "quantization": form.quantization, "parent": earlier.parent}
    if form.payload_type == NNR_PT_BLOCK:
        parts: Mapping[str, Coded] = {form.name: coded, "scale": Coded(numbers.quants(f"{label}/scale", form.dimensions[0], 150))}
        return unit(NNR_PT_BLOCK, (form.name, "scale"), form.dimensions, parts, own, parameter_types=LS, **common, **more)
    return unit(form.payload_type, form.name, form.dimensions, coded, own, **common, **more)


def session(numbers: Numbers, history: History, tool: Tool) -> list[StepUnits]:
    """Make the streams of a tensor's history, and a last one that uses a tool.

    Args:
        numbers: The recipe's random numbers.
        history: The earlier units of the tensor.
        tool: The tools of the last unit, which depend on what a decoder remembers.
    """
    steps = (*history.steps, (Earlier(history.form, history.depth, tool),))
    made: list[StepUnits] = []
    for number, units in enumerate(steps):
        quantization = units[0].form.quantization
        data = [data_unit(numbers, f"{number}/{place}", earlier) for place, earlier in enumerate(units)]
        make: Callable[..., StepUnits] = update if number else stream
        made.append(make(*data, quantization=quantization))
    return made


BASE: Final = (Earlier(),)
_V: Final = Form(name="v", parameter_id=1, dimensions=(6, 20))
_INT: Final = Form(NNR_PT_INT)
_BLOCK: Final = Form(NNR_PT_BLOCK)

HISTORIES: Final = (
    History("base", "the base model alone", (BASE,)),
    History("base-zeros", "a base model of zeros", ((Earlier(zeros=True),),)),
    History("one-update", "one update", (BASE, (Earlier(depth=1),)), depth=2),
    History("two-updates", "two updates", (BASE, (Earlier(depth=1),), (Earlier(depth=2, tool=TOOLS[1]),)), depth=3),
    History(
        "many-updates", "four updates with every tool",
        (BASE, *((Earlier(depth=depth, tool=tool),) for depth, tool in enumerate((TOOLS[3], TOOLS[1], TOOLS[2], TOOLS[5]), 1))), depth=5,
    ),
    History("left-out", "an update that leaves the tensor out",
            ((Earlier(), Earlier(_V)), (Earlier(depth=1),), (Earlier(_V, 1),)), depth=2),
    History("only-left-out", "updates of another tensor alone", ((Earlier(), Earlier(_V)), (Earlier(_V, 1),), (Earlier(_V, 2),))),
    History(
        "replaced", "an update that replaces the tensor", (BASE, (Earlier(depth=1),), (Earlier(depth=0, parent=False),)),
        tools=("sum", "tca", "rows"),
    ),
    History("zero-update", "an update of zeros", (BASE, (Earlier(depth=1, zeros=True),)), depth=2),
    History("from-dq", "a parent with dependent quantization",
            ((Earlier(Form(dq_flag=True)),), (Earlier(Form(dq_flag=True), 1),)), depth=2),
    History("to-dq", "a parent without dependent quantization", (BASE, (Earlier(depth=1),)), Form(dq_flag=True), 2),
    History("dq", "parents with dependent quantization too", ((Earlier(Form(dq_flag=True)),),), Form(dq_flag=True)),
    History("other-qp", "a parent with another qp", ((Earlier(Form(quantization=Quantization(0, -2))),), (Earlier(depth=1),)), depth=2),
    History(
        "other-density", "a parent with another density",
        ((Earlier(Form(quantization=Quantization(3, -21))),), (Earlier(depth=1),)), Form(quantization=Quantization(2, -11)), 2,
    ),
    History("from-scan", "a parent in blocks", ((Earlier(Form(scan_order=1)),), (Earlier(Form(scan_order=2), 1),)), depth=2),
    History("to-scan", "a parent not in blocks", (BASE, (Earlier(depth=1),)), Form(scan_order=1), 2),
    History(
        "scan-dq", "parents in other blocks, with dependent quantization",
        ((Earlier(Form(scan_order=2, dq_flag=True)),), (Earlier(Form(dq_flag=True), 1),)), Form(scan_order=1, dq_flag=True), 2,
    ),
    History("from-block", "a parent in a BLOCK", ((Earlier(_BLOCK),), (Earlier(_BLOCK, 1),)), depth=2),
    History("block", "parents in a BLOCK too", ((Earlier(_BLOCK),), (Earlier(_BLOCK, 1),)), _BLOCK, 2),
    History("int", "integers", ((Earlier(_INT),), (Earlier(_INT, 1),)), _INT, 2),
    History("from-codebook", "a parent with a codebook", ((Earlier(Form(book=True)),), (Earlier(Form(book=True), 1),)), depth=2),
    History("to-codebook", "a parent without a codebook", (BASE, (Earlier(depth=1),)), Form(book=True), 2),
    History("codebook", "parents with a codebook too", ((Earlier(Form(book=True)),),), Form(book=True)),
    History("other-unary", "a parent with another cabac_unary_length", ((Earlier(Form(unary_length=1)),), (Earlier(depth=1),)), depth=2),
    History("short-unary", "cabac_unary_length 2", (BASE, (Earlier(Form(unary_length=1), 1),)), Form(unary_length=2), 2),
    History(
        "vector", "vectors", ((Earlier(Form(dimensions=(120,))),), (Earlier(Form(dimensions=(120,)), 1),)), Form(dimensions=(120,)), 2,
        tools=("sum", "tca"),
    ),
    History(
        "column", "a matrix of one column", ((Earlier(Form(dimensions=(120, 1))),), (Earlier(Form(dimensions=(120, 1)), 1),)),
        Form(dimensions=(120, 1)), 2, tools=("sum", "tca"),
    ),
    History("deep", "a tensor of four dimensions", ((Earlier(Form(dimensions=(10, 2, 2, 3))),),), Form(dimensions=(10, 2, 2, 3))),
    History(
        "from-raw", "raw numbers", ((Earlier(Form(NNR_PT_RAW_FLOAT)),),), tools=("sum", "hdsp", "rows"),
    ),
    History("rows-before", "updates with skipped rows",
            (BASE, (Earlier(depth=1, tool=TOOLS[3]),), (Earlier(depth=2, tool=TOOLS[3]),)), depth=3),
)  # fmt: skip
"""Every history with the form of the data unit after it."""


def _recipes() -> Iterator[SessionRecipe]:
    for history in HISTORIES:
        for tool in TOOLS:
            if history.tools and tool.name not in history.tools:
                continue
            yield SessionRecipe(
                id=f"update-{history.name}-{tool.name}",
                title=f"An update with {tool.words} after {history.words}",
                tests=f"The history is {history.words}; the last stream codes its differences with {tool.words}.",
                catches="A decoder that remembers too little, too much or something else of earlier streams.",
                clauses=CLAUSES,
                level=Level.FULL if tool.name in ("tca", "hdsp", "rows") and history.name in _IN_FULL else Level.CORE,
                steps=lambda numbers, history=history, tool=tool: session(numbers, history, tool),  # type: ignore[misc]
            )


_IN_FULL: Final = ("only-left-out", "zero-update", "dq", "other-qp", "scan-dq", "block", "codebook", "deep", "rows-before")
"""Histories for which core has only the combined tools."""

RECIPES = tuple(_recipes())
