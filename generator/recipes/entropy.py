"""DeepCABAC: binarisation, parameter sets and the engine (clause 10)."""

from math import prod

import numpy as np

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.entropy.coding import INT32_MAX
from nnc_conformance.reference.entropy.contexts import MAX_UNARY_LENGTH, ContextLayout, context_layout
from nnc_conformance.reference.entropy.kernel_tables import SETS
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, NNR_PT_INT
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_PARAM = ("10 quant_param",)
_SETS = ("10 shift_parameter_ids",)
_TENSOR = ("10 quant_tensor",)


def integers(quants: list[int], name: str = "w", unary_length: int = 10) -> Values:
    """Build a vector of integers."""
    return ndu(header(NNR_PT_INT, name, (len(quants),), unary_length=unary_length), Coded(quants))


def around(unary_length: int) -> list[int]:
    """Return magnitudes on both sides of each step of the binarisation, with both signs."""
    magnitudes = {0, 1, 2, unary_length - 1, unary_length, unary_length + 1}
    magnitudes |= {unary_length + (1 << k) + d for k in range(5) for d in (-1, 0, 1)}
    return [sign * magnitude for magnitude in sorted(magnitudes) for sign in (1, -1)]


def unary(unary_length: int, level: Level = Level.CORE) -> Recipe:
    """Build the recipe of an INT with magnitudes on both sides of cabac_unary_length.

    Args:
        unary_length: cabac_unary_length.
        level: The vector's level.
    """
    return Recipe(
        id=f"cabac-unary-length-{unary_length}",
        title=f"cabac_unary_length {unary_length}",
        tests=f"Magnitudes around {unary_length}: the last greater-than bin, then the exp-Golomb prefix.",
        catches="A decoder whose contexts are laid out for another length, or whose prefix starts one bin early or late.",
        clauses=_PARAM,
        level=level,
        units=lambda _: [*opening(), integers(around(unary_length), unary_length=unary_length)],
    )


def set_recipe(number: int) -> Recipe:
    """Build the recipe of two tensors whose contexts all have one parameter set.

    One uses dependent quantization.

    Args:
        number: The parameter set, 0 to 8.
    """

    def units(numbers: Numbers) -> list[Values]:
        """Code two tensors with all contexts in the set, one by dependent quantization."""
        plain = header(NNR_PT_FLOAT, "plain", (300,))
        dependent = header(NNR_PT_FLOAT, "dependent", (300,), dq_flag=True)
        return opening() + [
            ndu(head, Coded(numbers.quants(head.ids[0], 300, 240), 0, all_sets(layout_of(head.dq_flag), number)))
            for head in (plain, dependent)
        ]

    return Recipe(
        id=f"cabac-parameter-set-{number}",
        title=f"Parameter set {number} on every context",
        tests=f"All contexts start in the state of set {number} and move by its two rates.",
        catches="A decoder with a wrong entry in the table of parameter sets.",
        clauses=_SETS,
        level=Level.FULL,
        units=units,
    )


def layout_of(dq_flag: bool, unary_length: int = 10) -> ContextLayout:
    """Return the contexts of a tensor."""
    return context_layout(dq_flag, unary_length)


def all_sets(layout: ContextLayout, number: int) -> np.ndarray:
    """Return the same parameter set for every context."""
    return np.full(layout.flag, number, dtype=np.int64)


def mixed_sets(numbers: Numbers, dq_flag: bool) -> list[Values]:
    """Build tensors with random parameter sets, so that each group of contexts meets all nine."""
    units = []
    for number in range(4):
        head = header(NNR_PT_INT if not dq_flag else NNR_PT_FLOAT, f"w{number}", (20, 20), dq_flag=dq_flag)
        sets = numbers.integers(f"sets{number}", layout_of(dq_flag).flag, 0, SETS - 1)
        units.append(ndu(head, Coded(numbers.quants(f"w{number}", 400, 235), 0, sets)))
    return opening() + units


def one_group(group: str, numbers: Numbers) -> list[Values]:
    """Build a tensor for each CABAC parameter set, used by one group of contexts only.

    All other contexts use set 0.

    Args:
        group: significance, sign, greater-than or prefix.
        numbers: The recipe's random numbers.
    """
    layout = layout_of(False)
    bounds = {
        "significance": (0, layout.sign),
        "sign": (layout.sign, layout.greater),
        "greater-than": (layout.greater, layout.prefix),
        "prefix": (layout.prefix, layout.flag),
    }
    first, stop = bounds[group]
    units = []
    for number in range(SETS):
        sets = np.zeros(layout.flag, dtype=np.int64)
        sets[first:stop] = number
        quants = numbers.quants(f"w{number}", 80, 245)
        units.append(ndu(header(NNR_PT_INT, f"w{number}", (80,)), Coded(quants, 0, sets)))
    return opening() + units


def group_recipe(group: str) -> Recipe:
    """Build the recipe that puts each CABAC parameter set on one group of contexts.

    Args:
        group: significance, sign, greater-than or prefix.
    """
    return Recipe(
        id=f"cabac-parameter-sets-{group}",
        title=f"All nine sets on the {group} contexts",
        tests=f"The {group} contexts take each set in turn, all others set 0.",
        catches="A decoder that mixes up the order of the groups, or skips contexts that are not used.",
        clauses=_SETS,
        units=lambda numbers: one_group(group, numbers),
    )


def patterns(_: Numbers) -> list[Values]:
    """Build tensors with indexes of every class after previous indexes of every class."""
    runs = {
        "alternating-signs": [1, -1] * 60,
        "alternating-zeros": [0, 1, 0, -1] * 30,
        "all-positive": [1] * 120,
        "all-negative": [-1] * 120,
        "rare": ([0] * 29 + [-1] + [0] * 29 + [1]) * 4,
        "classes": [a * b for a in (0, 1, -1) for b in (0, 3, -3)] * 12,
    }
    return opening() + [integers(quants, name) for name, quants in runs.items()]


def skewed(_: Numbers) -> list[Values]:
    """Build tensors that drive contexts to one extreme, then code the unlikely bins."""
    return [
        *opening(),
        integers([0] * 500 + [1] * 3 + [0] * 20, "zeros-then-ones"),
        integers([1] * 500 + [0] * 3 + [1] * 20, "ones-then-zeros"),
        integers([-12] * 200 + [12] * 3, "long-then-signs"),
        integers([12] * 100 + [1] * 5 + [12] * 5, "long-then-short"),
    ]


def lengths(numbers: Numbers) -> list[Values]:
    """Build tensors of 1 to 60 indexes, ending at every bit of a byte."""
    return opening() + [integers(numbers.quants(f"w{n}", n, 200).tolist(), f"w{n}") for n in range(1, 61)]


def most_contexts(numbers: Numbers) -> list[Values]:
    """Build a FLOAT with the most contexts, and indexes around the unary length."""
    magnitudes = [0, 1, 2, 100, 254, 255, 256, 257, 258, 260, 300, 1000]
    quants = [sign * magnitude for magnitude in magnitudes for sign in (1, -1)]
    head = header(NNR_PT_FLOAT, "w", (len(quants),), dq_flag=True, unary_length=MAX_UNARY_LENGTH)
    sets = numbers.integers("sets", layout_of(True, MAX_UNARY_LENGTH).flag, 0, SETS - 1)
    return [*opening(), ndu(head, Coded(quants, 0, sets))]


def large_magnitudes(_: Numbers) -> list[Values]:
    """Build powers of two and their neighbours up to the end of int32."""
    magnitudes = sorted({(1 << k) + d for k in range(31) for d in (-1, 0, 1)} | {INT32_MAX - 1, INT32_MAX})
    return [*opening(), integers([sign * magnitude for magnitude in magnitudes for sign in (1, -1)])]


def dense(numbers: Numbers, dimensions: tuple[int, ...], persistence: int) -> list[Values]:
    """Build an INT of random indexes with the cheapest parameter set for each context.

    Args:
        numbers: The recipe's random numbers.
        dimensions: Dimensions of the tensor.
        persistence: Of 256: how likely a magnitude grows by one more.
    """
    quants = numbers.quants("w", prod(dimensions), persistence)
    return [*opening(), ndu(header(NNR_PT_INT, "w", dimensions), Coded(quants, 0, "search"))]


def random_recipe(name: str, persistence: int, dimensions: tuple[int, ...]) -> Recipe:
    """Build the recipe of a long tensor of random indexes.

    Args:
        name: In id and title.
        persistence: Of 256: how likely a magnitude grows by one more.
        dimensions: Dimensions of the tensor.
    """
    return Recipe(
        id=f"cabac-random-{name}",
        title=f"Random indexes, {name}",
        tests="A longer tensor with the cheapest parameter set for each context.",
        catches="A decoder whose state update or range table is wrong in a rare place.",
        clauses=_TENSOR,
        level=Level.FULL,
        units=lambda numbers: dense(numbers, dimensions, persistence),
    )


RECIPES = (
    *map(unary, (2, 32, 98, 99, 255)),
    *(unary(length, Level.FULL) for length in (1, 3, 10, 256)),
    *map(set_recipe, range(SETS)),
    *map(group_recipe, ("significance", "sign", "greater-than", "prefix")),
    Recipe(
        id="cabac-parameter-sets-mixed",
        title="Random sets for every context",
        tests="Each context has a set of its own.",
        catches="A decoder that keeps one set for a group of contexts.",
        clauses=_SETS,
        units=lambda numbers: mixed_sets(numbers, False),
    ),
    Recipe(
        id="cabac-parameter-sets-mixed-dq",
        title="Random sets for every context, dependent quantization",
        tests="Each of the 24 significance contexts has a set of its own.",
        catches="A decoder that signals three significance contexts only.",
        clauses=_SETS,
        level=Level.FULL,
        units=lambda numbers: mixed_sets(numbers, True),
    ),
    Recipe(
        id="cabac-neighbours",
        title="Regular signs and zeros",
        tests="Every class of the previous index before every kind of index.",
        catches="A decoder that swaps the classes negative and positive.",
        clauses=_PARAM,
        level=Level.FULL,
        units=patterns,
    ),
    Recipe(
        id="cabac-skewed-states",
        title="Contexts at their extremes",
        tests="Long runs drive contexts to their limit, then the improbable bin comes.",
        catches="A decoder whose states overflow, or whose smallest range is wrong.",
        clauses=_PARAM,
        level=Level.FULL,
        units=skewed,
    ),
    Recipe(
        id="cabac-codeword-ends",
        title="Codewords that end at every bit",
        tests="Sixty tensors of 1 to 60 indexes: the stop bit falls on every place in a byte.",
        catches="A decoder that reads a byte too many, or refuses a codeword that ends in a full byte.",
        clauses=_TENSOR,
        level=Level.FULL,
        units=lengths,
    ),
    Recipe(
        id="cabac-magnitudes",
        title="Magnitudes up to 2147483647",
        tests="Powers of two and their neighbours, to the end of int32.",
        catches="A decoder whose remainder or magnitude overflows.",
        clauses=_PARAM,
        units=large_magnitudes,
    ),
    Recipe(
        id="cabac-longest-prefix",
        title="The longest exp-Golomb prefix",
        tests="With unary length 1 the largest magnitude has 30 prefix bins, more than once.",
        catches="A decoder that stops the prefix early, or shares its last contexts.",
        clauses=_PARAM,
        level=Level.FULL,
        units=lambda _: [*opening(), integers([INT32_MAX, -INT32_MAX, 1, INT32_MAX, 0, INT32_MAX], unary_length=1)],
    ),
    Recipe(
        id="cabac-unary-length-256-dq",
        title="Unary length 256 with dependent quantization",
        tests="Each of the 570 contexts has a parameter set of its own, and indexes reach both ends of the unary part.",
        catches="A decoder whose arrays hold the contexts of short unary lengths, or of the plain quantizer, only.",
        clauses=_PARAM,
        units=most_contexts,
    ),
    random_recipe("sparse", 20, (50, 100)),
    random_recipe("medium", 160, (40, 100)),
    random_recipe("dense", 250, (2000,)),
    random_recipe("very-dense", 255, (1000,)),
)
