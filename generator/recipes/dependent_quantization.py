"""dq_flag: the trellis and the doubled values (clauses 9 and 10)."""

from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.entropy.tables import STATE_TRANS_TAB
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, DataUnitHeader
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_DQ = ("9", "10 quant_param")


def dependent(name: str, count: int, quantization: Quantization | None = None) -> DataUnitHeader:
    """Build the header of a vector with dq_flag."""
    return header(NNR_PT_FLOAT, name, (count,), quantization or Quantization(0, -4), dq_flag=True)


def every_transition() -> list[int]:
    """Return indexes that take each of the 16 transitions repeatedly, with both signs."""
    state = 0
    quants: list[int] = []
    left = {(state_id, parity): 3 for state_id in range(8) for parity in (0, 1)}
    while any(left.values()) and len(quants) < 400:
        parity = max((0, 1), key=lambda p: (left[state, p], sum(left[STATE_TRANS_TAB[state][p], q] for q in (0, 1))))
        left[state, parity] = max(left[state, parity] - 1, 0)
        magnitude = parity + 2 * (len(quants) % 3)
        quants.append(magnitude if len(quants) % 2 else -magnitude)
        state = STATE_TRANS_TAB[state][parity]
    return quants


def one_vector(name: str, quants: list[int], *, title: str, tests: str, catches: str, level: Level = Level.CORE) -> Recipe:
    """Build the recipe of a single tensor of one dimension with dependent quantization.

    Args:
        name: End of the vector's id.
        quants: The tensor's indexes before doubling.
        title: The vector's title.
        tests: What the vector tests.
        catches: The faults that it catches.
        level: The vector's level.
    """
    return Recipe(
        id=f"dq-{name}",
        title=title,
        tests=tests,
        catches=catches,
        clauses=_DQ,
        level=level,
        units=lambda _: [*opening(), ndu(dependent("w", len(quants)), Coded(quants))],
    )


def largest(_: Numbers) -> list[Values]:
    """Build doubled values near both ends of int32, in even and odd states.

    They are 2 ** 31 - 2, 1 - 2 ** 31 and -2 ** 31. 2 ** 31 - 1 is left out although it fits: twice
    its index does not, and the independent codec wraps there.
    """
    quants = [1 << 29, (1 << 30) - 1, -(1 << 30) + 1, -(1 << 30), -(1 << 30), 1, 1, (1 << 30) - 2, 1]
    return [*opening(), ndu(dependent("w", len(quants)), Coded(quants))]


def several(numbers: Numbers) -> list[Values]:
    """Build several tensors, so that a state carried over would show."""
    names = ("first", "second", "third")
    return opening() + [ndu(dependent(name, 31), Coded(numbers.quants(name, 31, 180))) for name in names]


RECIPES = (
    one_vector(
        "transitions",
        every_transition(),
        title="Every transition of the trellis",
        tests="All eight states are left by even and by odd indexes.",
        catches="A decoder with a wrong entry in the table of transitions.",
        level=Level.FULL,
    ),
    one_vector(
        "zeros",
        [0] * 40 + [1] + [0] * 40 + [2] + [0] * 20,
        title="Zeros in a trellis",
        tests="A zero stays 0 in every state, and moves the state.",
        catches="A decoder that subtracts the state's odd bit from zeros too, or skips the transition at a zero.",
    ),
    one_vector(
        "ones",
        [1, -1] * 40,
        title="Ones of both signs in a trellis",
        tests="The odd bit of the state moves values towards zero.",
        catches="A decoder that moves negative values away from zero.",
        level=Level.FULL,
    ),
    one_vector(
        "one-element",
        [-7],
        title="One element with dq_flag",
        tests="The trellis starts at state 0.",
        catches="A decoder that starts in another state.",
        level=Level.FULL,
    ),
    Recipe(
        id="dq-random",
        title="Random indexes with dq_flag",
        tests="Significance contexts are chosen by the state, signs by the coded index before the doubling.",
        catches="A decoder that chooses contexts by the doubled value.",
        clauses=_DQ,
        units=lambda numbers: [*opening(), ndu(dependent("w", 1500), Coded(numbers.quants("w", 1500, 190), 0, "search"))],
    ),
    Recipe(
        id="dq-restart",
        title="Tensors with dq_flag one after another",
        tests="Each tensor starts the trellis again.",
        catches="A decoder that keeps the state from one tensor to the next.",
        clauses=_DQ,
        units=several,
    ),
    Recipe(
        id="dq-largest",
        title="Doubled values near the ends of int32",
        tests="The doubled value may use all of int32.",
        catches="A decoder whose doubling overflows.",
        clauses=_DQ,
        units=largest,
    ),
    Recipe(
        id="dq-step",
        title="dq_flag with a step that is no power of two",
        tests="The doubled value is multiplied by the same step as without dq_flag.",
        catches="A decoder that halves the step with dq_flag.",
        clauses=_DQ,
        units=lambda _: [
            *opening(Quantization(4, -37)),
            ndu(dependent("w", 12, Quantization(4, -37)), Coded([0, 1, -1, 2, 5, -9, 0, 0, 3, 1, -1, 30])),
        ],
    ),
)
