"""Sessions with more, longer or larger things than others: sizes, counts, ids and dimensions, and
parameter sets of layers (clauses 6 and 10).
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from nnc_conformance.generator.composition import SIXTEENTHS, Coded
from nnc_conformance.generator.negative import broken_session
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import SessionRecipe, StepUnits
from nnc_conformance.generator.recipes.either_reading import maps
from nnc_conformance.generator.recipes.second_edition_broken import BASE, BASE_INDEXES, with_tca
from nnc_conformance.generator.recipes.second_edition_codebooks import codebook
from nnc_conformance.generator.recipes.second_edition_headers import HEADER, MPS, described, model, nodes_session
from nnc_conformance.generator.recipes.updates_rows import skipping
from nnc_conformance.generator.recipes.wide_values import PREFIX_LENGTHS, WIDE_CODEBOOK, WRAPS, alike
from nnc_conformance.generator.updates import InTurn, node, stream, unit, update
from nnc_conformance.reference.composer import HeaderForm, layer_parameter_set, topology_unit
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import DC, LS, NNR_PT_BLOCK, NNR_PT_FLOAT, NNR_PT_INT, NNR_PT_RAW_FLOAT, NodeId
from nnc_conformance.reference.syntax.structures.topology import NNR_TPL_UNREC, RAW
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_CODING: Final = ("10 quant_tensor", "10 quant_param")
_ABSENT: Final = HeaderForm(dimensions_present=False)


def in_steps(step: Callable[[int], list[InTurn]], count: int) -> list[StepUnits]:
    """Make a base model and its updates.

    Args:
        step: Makes the units of a stream by the depth of its nodes.
        count: The number of streams.
    """
    return [(update if depth else stream)(*step(depth)) for depth in range(count)]


def every_tool(
    numbers: Numbers, label: str, dimensions: tuple[int, ...], skipped: tuple[int, ...], depth: int, persistence: int = 130, **more: Any
) -> InTurn:
    """Make a FLOAT with a list of skipped rows; above depth 0 with the other tools of updates too.

    Args:
        numbers: The recipe's random numbers.
        label: The name of the tensor, which with the depth selects the random numbers.
        dimensions: Its dimensions.
        skipped: The rows that are skipped.
        depth: Its put_node_depth; parameter_id is 0.
        persistence: Of 256: how likely a magnitude grows by one more.
        **more: Further arguments of `unit`.
    """
    quants = numbers.quants(f"{label}/{depth}", int(np.prod(dimensions)), persistence)
    coded = skipping(quants, dimensions, skipped, more.get("scan_order", 0), hdsp=depth > 0)
    return unit(NNR_PT_FLOAT, label, dimensions, coded, node(depth), parent=depth > 0, tca=depth > 0, **more)


def with_updates(numbers: Numbers, label: str, dimensions: tuple[int, ...], skipped: tuple[int, ...], **more: Any) -> list[StepUnits]:
    """Make a base model of one matrix, and two updates with every tool.

    Arguments are those of `every_tool`.
    """
    return in_steps(lambda depth: [every_tool(numbers, label, dimensions, skipped, depth, **more)], 3)


def many_rows(numbers: Numbers) -> list[StepUnits]:
    """Make a matrix of 257 block rows, some skipped whole, and two updates."""
    rows = 2_056
    skipped = tuple(row for row in range(rows) if row % 5 == 0 or row // 8 in (0, 3, 255, 256))
    return with_updates(numbers, "w", (rows, 2), skipped, persistence=100, scan_order=1, dq_flag=True)


def many_dimensions(numbers: Numbers) -> list[StepUnits]:
    """Make tensors of 5, 9 and 32 dimensions, and two updates.

    The second update leaves the dimensions to the base model.
    """
    shapes = {"five": (3, 2, 2, 2, 2), "nine": (3, 1, 2, 1, 2, 1, 2, 1, 3), "most": (12, *(1,) * 29, 5, 1)}

    def step(depth: int) -> list[InTurn]:
        """Return the units of a stream."""
        form = _ABSENT if depth == 2 else None
        return [
            every_tool(numbers, name, shape, (1,), depth, 160, form=form, scan_order=place)
            for place, (name, shape) in enumerate(shapes.items())
        ]

    return in_steps(step, 3)


def layers(numbers: Numbers) -> list[StepUnits]:
    """Make a model and two updates, whose tensors stand before and after an NNR_LPS."""

    first, second, third = Quantization(2, -19), Quantization(0, -3), Quantization(3, -40)

    def tensor(place: int, depth: int, quantization: Quantization = SIXTEENTHS) -> InTurn:
        return every_tool(numbers, f"w{place}", (4, 5), (2,), depth, 160, dq_flag=place == 1, quantization=quantization)

    return [
        stream(
            tensor(0, 0),
            layer_parameter_set(first), tensor(1, 0, first),
            layer_parameter_set(second, maps=maps()), tensor(2, 0, second),
        ),
        update(
            tensor(2, 1),
            layer_parameter_set(second, maps=maps()), tensor(0, 1, second),
            layer_parameter_set(first), tensor(1, 1, first),
        ),
        update(*(tensor(place, 2, third) for place in (1, 0, 2)), quantization=third),
    ]  # fmt: skip


def wide_codebook(numbers: Numbers) -> list[StepUnits]:
    """Make a vector and a matrix with a codebook of 65,539 values, and an update."""
    ends = np.array([0, 32_838, -32_700, 1, -1, 32_768, 32_767, -32_699, 257, -257, 256, 300], np.int64)

    def step(depth: int) -> list[InTurn]:
        """Return the units of a stream."""
        quants = np.roll(ends, 5 * depth)
        common: dict[str, Any] = {"codebook": WIDE_CODEBOOK, "form": HeaderForm(codebook_egk=0), "tca": depth > 0}
        matrix = np.concatenate((quants, numbers.integers(f"{depth}", 12, -400, 400)))
        return [
            unit(NNR_PT_FLOAT, "v", (12,), Coded(quants), node(depth), unary_length=256, **common),
            unit(NNR_PT_FLOAT, "w", (6, 4), Coded(matrix, hdsp=depth > 0), node(depth, 1), unary_length=1, **common),
        ]

    return in_steps(step, 2)


def decomposed_with_codebooks(numbers: Numbers) -> list[StepUnits]:
    """Make a decomposed BLOCK with two codebooks, and two updates of it.

    The codebook of H is the larger. The updates use every tool, and leave their dimensions to the base model.
    """

    def part(label: str, shape: tuple[int, int], sides: tuple[int, int], depth: int) -> Coded:
        drawn = numbers.integers(f"{label}/{depth}", int(np.prod(shape)), -sides[0], sides[1])
        quants = np.where(numbers.integers(f"{label}/{depth}/zero", drawn.size, 0, 2) == 0, drawn, 0)
        return skipping(quants, shape, (1,), hdsp=depth > 0)

    def step(depth: int) -> list[InTurn]:
        """Return the BLOCK of a stream."""
        parts = {"w_G": part("G", (4, 3), (3, 2), depth), "w_H": part("H", (3, 6), (130, 170), depth)}
        books: dict[str, Any] = {"codebook": codebook(3, 2), "codebook_dc": codebook(130, 170)}
        rank: dict[str, Any] = {"decomposition_rank": 3, "g_number_of_rows": 4}
        form = _ABSENT if depth else None
        block = unit(
            NNR_PT_BLOCK, ("w_G", "w_H"), (4, 3, 2), parts, node(depth), parameter_types=DC, unary_length=1, tca=depth > 0, form=form,
            **books, **rank,
        )  # fmt: skip
        return [block]

    return in_steps(step, 3)


def at_byte_ends() -> list[StepUnits]:
    """Make nodes, and updates of them, with numbers at ends of 8 and 16 bits."""
    ends = [(1 << bits) + more for bits in (8, 16) for more in (-2, -1, 0)]
    nodes = [NodeId(*(value if place == which else 0 for place in range(3))) for value in ends for which in range(3)]
    return nodes_session(nodes, parent_device=True)


def common_prefixes(numbers: Numbers) -> list[StepUnits]:
    """Make tensors whose names differ in their last character, and updates of each."""
    names = [name for length in PREFIX_LENGTHS[:4] for name in alike(length)]

    def step(depth: int) -> list[InTurn]:
        return [
            unit(NNR_PT_INT, name, (3,), Coded(numbers.quants(f"{place}/{depth}", 3, 200)), node(depth, place), tca=depth > 0)
            for place, name in enumerate(names)
        ]

    return [stream(*step(0)), update(*step(1)[::-1])]


def small_units(payload_type: int) -> list[InTurn]:
    """Make a vector and a difference to it."""
    return [unit(payload_type, "w", (3,), Coded([1, -2, 3 + depth]), node(depth)) for depth in (0, 1)]


def described_steps() -> list[StepUnits]:
    """Make a base model and an update that say all that describes them."""

    def with_words(values: Values) -> Values:
        """Return a parameter set with all that describes a model."""
        return described(
            values,
            base_model_id="base",
            performance_metric_type="top-1",
            metric_type_performance_map_valid_flag=1,
            validation_set_performance=np.float32(0.75),
        )

    first, then = small_units(NNR_PT_FLOAT)
    return [stream(first, maps=maps(), change=with_words), update(then, maps=maps(), change=with_words)]


def with_topologies() -> list[StepUnits]:
    """Make a base model and an update, each with a topology of its own."""
    first, then = small_units(NNR_PT_INT)
    data = [bytes(range(start, start + 40)) + b"\0" for start in (1, 101)]
    topologies = [topology_unit(NNR_TPL_UNREC, RAW, {"topology_data": text}) for text in data]
    return [stream(topologies[0], first, topology_carriage=True), update(topologies[1], then, topology_carriage=True)]


def another_type() -> list[StepUnits]:
    """Make an INT that a FLOAT of another shape replaces, and a difference to that."""
    return [
        stream(unit(NNR_PT_INT, "w", (2, 3), Coded([1, 0, 5, -2, 0, 3]), node(0))),
        update(unit(NNR_PT_FLOAT, "w", (4, 2), Coded([1, 0, 0, -9, 3, 0, 1, 2]), node(0), parent=False)),
        update(unit(NNR_PT_FLOAT, "w", (4, 2), Coded([0, 3, -1, 2, 0, 0, 7, 1]), node(1), tca=True, form=_ABSENT)),
    ]


def many_steps() -> list[StepUnits]:
    """Make a vector and twenty updates of it."""
    return in_steps(lambda depth: [unit(NNR_PT_INT, "w", (3,), Coded([depth, -depth, 1]), node(depth), tca=depth > 0)], 21)


def empty_then_block() -> list[StepUnits]:
    """Make two tensors, an update of nothing, and one of both as a BLOCK."""
    return [
        stream(
            unit(NNR_PT_FLOAT, "w", (3, 2), Coded([1, 0, -2, 3, 0, 5]), node(0)), unit(NNR_PT_FLOAT, "ls", (3,), Coded([7, 0, -1]), node(0))
        ),
        update(),
        update(
            unit(
                NNR_PT_BLOCK,
                ("w", "ls"),
                (3, 2),
                {"w": Coded([0, 4, 1, 0, 0, -2]), "ls": Coded([2, 0, 3])},
                node(1),
                parameter_types=LS,
                tca=True,
            )
        ),
    ]


def session(
    name: str,
    title: str,
    *,
    tests: str,
    catches: str,
    steps: Callable[[Numbers], list[StepUnits]] | list[StepUnits],
    clauses: tuple[str, ...] = HEADER,
    level: Level = Level.CORE,
) -> SessionRecipe:
    """Return the recipe of a good session; ``steps`` are its streams, or what makes them."""
    made = steps if callable(steps) else lambda _: steps
    return SessionRecipe(id=name, title=title, tests=tests, catches=catches, clauses=clauses, level=level, steps=made)


def _good() -> Iterator[SessionRecipe]:
    """Yield the recipes of good sessions."""
    yield session(
        "update-65536-elements",
        "Updates of more than 2 ** 16 elements",
        tests="Rows are skipped, and bases and places seen are kept, beyond element 65,535.",
        catches="A decoder that counts elements, rows or places of earlier streams in 16 or 8 bits.",
        clauses=_CODING,
        level=Level.FULL,
        steps=lambda numbers: with_updates(numbers, "w", (260, 253), (0, 7, 8, 255, 256, 259), persistence=60),
    )
    yield session(
        "update-256-block-rows",
        "Updates of more block rows than fit a byte",
        tests="Whole block rows are skipped, and entry points go on with the bits and the state after them.",
        catches="A decoder that counts block rows in eight bits, or has no entry point where a block row is skipped.",
        clauses=(*HEADER, *_CODING),
        steps=many_rows,
    )
    yield session(
        "update-32-dimensions",
        "Updates of tensors of five, nine and 32 dimensions",
        tests="Rows are those of dimension 0, however many dimensions follow; the last update leaves them to the base model.",
        catches="A decoder with room for eight dimensions in an update, or that takes dimension 1 for the columns.",
        clauses=(*HEADER, *_CODING),
        steps=many_dimensions,
    )
    yield session(
        "update-layer-parameter-sets",
        "Layer parameter sets in a base model and its updates",
        tests="An NNR_LPS is in force up to the next, or to the end of its stream; it may have performance maps.",
        catches="A decoder that knows no NNR_LPS in the second edition, or keeps it for the next stream.",
        clauses=("6 nnr_layer_parameter_set", *_CODING),
        steps=layers,
    )
    yield session(
        "update-codebook-65539-values",
        "Updates by a codebook of more values than fit 16 bits",
        tests="The codebook limits indexes beyond 16 bits; with 256 greater-than bins, too.",
        catches="A decoder that keeps the limits of a codebook, or cabac_unary_length, in fewer bits than they need.",
        clauses=("6 codebook", *_CODING),
        steps=wide_codebook,
    )
    yield session(
        "update-block-dc-books-tools",
        "Updates of a decomposed BLOCK with two codebooks and every tool",
        tests="G and H have a base, places seen and skipped rows each; 6 and 301 values limit their indexes.",
        catches="A decoder that limits H by the codebook of G, or takes the dimensions of G for those of the weight.",
        clauses=("6 codebook", *HEADER, *_CODING),
        steps=decomposed_with_codebooks,
    )
    yield session(
        "node-ids-at-byte-ends",
        "Node ids at the ends of 8 and 16 bits",
        tests="device_id, parameter_id and put_node_depth of 254 to 256 and 65534 to 65536; an update is one deeper.",
        catches="A decoder that keeps an element of a node id in 8 or 16 bits, or has no room for deep nodes.",
        steps=at_byte_ends(),
    )
    yield session(
        "update-common-prefixes",
        "Updates of tensors whose long names differ in their last character",
        tests="Each update has the base and the node of its own tensor; they come in another order.",
        catches="A decoder that looks earlier tensors up by the beginning of their name.",
        steps=common_prefixes,
    )
    yield session(
        "mps-2024-long-strings",
        "Long base_model_id and performance_metric_type",
        tests="Strings of 255, 256 and 5,000 bytes stand before the quantization.",
        catches="A decoder with a fixed buffer for these strings, or a length of eight bits.",
        clauses=MPS,
        steps=[
            model(length, base_model_id="i" * length, metric_type_performance_map_valid_flag=1, performance_metric_type="m" * (length + 1))
            for length in (255, 256, 5_000)
        ],
    )
    yield session(
        "update-described",
        "All that describes a model, and maps, in an update",
        tests="The parameter set of an update has the strings, the maps and the performance that one of a base model has.",
        catches="A decoder that reads them in base models only.",
        clauses=MPS,
        steps=described_steps(),
    )
    yield session(
        "update-topology",
        "A topology in a base model and another in its update",
        tests="Each stream gives its own topology; its only zero byte is its last, so that both descriptors read it.",
        catches="A decoder that knows no NNR_TPL in the second edition, or gives the base model's topology for that of an update.",
        clauses=("6 nnr_topology_unit_header", "6 nnr_topology_unit_payload"),
        steps=with_topologies(),
    )
    yield session(
        "update-another-type",
        "An update that replaces a tensor by one of another type and shape",
        tests="A unit without a parent may have another payload type and shape; the next update is a difference to that.",
        catches="A decoder that compares a replacement with the tensor before it, or keeps that one's indexes.",
        steps=another_type(),
    )
    yield session(
        "update-raw-difference",
        "A difference of raw numbers to a coded tensor",
        tests="An NNR_PT_RAW_FLOAT with a parent is an update of an NNR_PT_FLOAT.",
        catches="A decoder that takes raw numbers for a replacement, or refuses a parent of another payload type.",
        steps=[
            stream(unit(NNR_PT_FLOAT, "w", (2, 2), Coded([1, 0, -2, 3]), node(0))),
            update(unit(NNR_PT_RAW_FLOAT, "w", (2, 2), np.array([[0.5, -1], [0, 2]], np.float32), node(1))),
        ],
    )
    yield session(
        "update-empty-then-block",
        "An update without data units, and one that joins two tensors in a BLOCK",
        tests="Nothing changes in the first update, so it gives no tensor; in the second each part has the base of its own tensor.",
        catches="A decoder that refuses an update of nothing, or a BLOCK whose parts were tensors of their own.",
        steps=empty_then_block(),
    )
    yield session(
        "update-twenty-steps",
        "Twenty updates",
        tests="A session has as many updates as its sender likes.",
        catches="A decoder that keeps a few streams of a session, or counts depths in four bits.",
        steps=many_steps(),
    )


def _broken() -> Iterator[SessionRecipe]:
    """Yield the recipes of sessions that break a rule in their last stream."""
    elements = ("device_id", "parameter_id", "put_node_depth")
    for (name, wrap), (place, element) in ((wrap, element) for wrap in WRAPS.items() for element in enumerate(elements)):
        device, parameter, depth = (wrap if place == which else 0 for which in range(3))
        yield broken_session(
            "tca-parent",
            f"{element.split('_')[-2 if element.endswith('id') else -1]}-{name}",
            title=f"Temporal contexts without a parent: {element} is {wrap} too large",
            catches=f"A decoder that keeps {element} in fewer bits than it has.",
            element=element,
            steps=[BASE, with_tca(node(depth + 1, parameter, device), BASE_INDEXES)],
        )
    yield broken_session(
        "string-utf8",
        "metric-type",
        title="A performance_metric_type that is not UTF-8",
        catches="A decoder that never decodes performance_metric_type.",
        element="performance_metric_type",
        steps=[model(1, metric_type_performance_map_valid_flag=1, performance_metric_type="ab")],
        edit=lambda data: data.replace(b"ab\0", b"a\xff\0"),
    )
    yield broken_session(
        "qp-in-force",
        "update",
        title="An update without a qp of a model with one",
        catches="A decoder that keeps the qp of the stream before.",
        element="mps_quantization_method_flags",
        steps=[
            stream(unit(NNR_PT_FLOAT, "w", (3,), Coded([1, 0, -2]), node(0))),
            update(unit(NNR_PT_FLOAT, "w", (3,), Coded([1, 2, 0]), node(1)), quantization=None),
        ],
    )


RECIPES = (*_good(), *_broken())
