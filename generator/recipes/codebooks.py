"""codebook(): its code, its offset, and the values it stands for (clauses 6 and 9)."""

from collections.abc import Sequence
from dataclasses import replace

from nnc_conformance.generator.composition import SIXTEENTHS, Coded, book, header, ndu, opening
from nnc_conformance.generator.randomness import Numbers
from nnc_conformance.generator.recipe import Recipe
from nnc_conformance.reference.composer import HeaderForm
from nnc_conformance.reference.syntax.context import Quantization
from nnc_conformance.reference.syntax.structures.data_unit import BI, NNR_PT_BLOCK, NNR_PT_FLOAT, Codebook, DataUnitHeader
from nnc_conformance.reference.syntax.structures.parameter_sets import NNR_QCB
from nnc_conformance.reference.syntax.walker import Values
from nnc_conformance.storage.vector import Level

_CODEBOOK = ("6 codebook", "9")
_INT32_MIN, _INT32_MAX = -(1 << 31), (1 << 31) - 1


def every_index(codebook: Codebook) -> list[int]:
    """Return each index of a codebook once, starting with 0."""
    return sorted((place - codebook.zero_offset for place in range(len(codebook.values))), key=lambda index: (abs(index), index))


def with_codebook(
    codebook: Codebook, egk: int | None = None, quantization: Quantization = SIXTEENTHS, quants: Sequence[int] | None = None
) -> list[Values]:
    """Build a stream with one vector and its codebook.

    Args:
        codebook: The codebook.
        egk: codebook_egk; None for the order that makes the codebook shortest.
        quantization: The qp in force.
        quants: The vector's indexes; if None each index of the codebook once.
    """
    chosen = every_index(codebook) if quants is None else quants
    head = header(NNR_PT_FLOAT, "w", (len(chosen),), quantization, codebook=codebook)
    return [*opening(quantization, method_flags=NNR_QCB), ndu(head, Coded(chosen), form=HeaderForm(codebook_egk=egk))]


def whole_codebook(
    name: str, codebook: Codebook, *, title: str, tests: str, catches: str, egk: int | None = None, level: Level = Level.CORE
) -> Recipe:
    """Build the recipe of a vector that uses each index of a codebook once.

    Args:
        name: The end of the vector's id.
        codebook: The codebook.
        title: The vector's title.
        tests: What it tests.
        catches: The faults that it catches.
        egk: codebook_egk; None for the order that makes the codebook shortest.
        level: The vector's level.
    """
    return Recipe(
        id=f"codebook-{name}",
        title=title,
        tests=tests,
        catches=catches,
        clauses=_CODEBOOK,
        level=level,
        units=lambda _: with_codebook(codebook, egk),
    )


def random_book(numbers: Numbers, size: int, largest: int, zero_offset: int) -> Codebook:
    """Build a codebook of rising values with random gaps between them.

    Args:
        numbers: The recipe's random numbers.
        size: Number of values.
        largest: Largest gap.
        zero_offset: Place of index 0 in the codebook.
    """
    values, value = [], -50
    for gap in numbers.integers("gaps", size, 1, largest).tolist():
        value += gap
        values.append(value)
    return book(zero_offset, *values)


def large(numbers: Numbers) -> list[Values]:
    """Build a codebook of 300 values and random indexes into it."""
    codebook = random_book(numbers, 300, 40, 140)
    quants = numbers.integers("w", 400, -140, 159).tolist()
    return with_codebook(codebook, None, SIXTEENTHS, quants)


def matrix(head: DataUnitHeader, count: int, numbers: Numbers) -> list[Values]:
    """Build a matrix with random indexes into a codebook of seven values."""
    head = replace(head, codebook=book(3, -90, -31, -7, 0, 5, 33, 120))
    return [*opening(), ndu(head, Coded(numbers.integers("w", count, -3, 3)))]


def doubled_indexes(_: Numbers) -> list[Values]:
    """Build a tensor with dq_flag whose doubled values index the codebook."""
    codebook = book(4, -70, -30, -11, -4, 0, 3, 12, 29, 71)
    head = header(NNR_PT_FLOAT, "w", (9,), codebook=codebook, dq_flag=True)
    return [*opening(), ndu(head, Coded([0, 1, 2, 0, -1, -2, 1, 1, 0]))]


def block(_: Numbers) -> list[Values]:
    """Build a BLOCK whose codebook applies to the weight only."""
    head = header(NNR_PT_BLOCK, ("w", "b"), (2, 3), parameter_types=BI, codebook=book(1, -9, 2, 40))
    return [*opening(), ndu(head, {"w": Coded([0, 1, -1, 1, 0, -1]), "b": Coded([100, -100])})]


def two_tensors(_: Numbers) -> list[Values]:
    """Build two tensors with a codebook each, and one without."""
    first = header(NNR_PT_FLOAT, "a", (3,), codebook=book(1, -3, 0, 3))
    second = header(NNR_PT_FLOAT, "b", (3,), codebook=book(1, -50, 1, 70))
    return [*opening(), ndu(first, Coded([1, 0, -1])), ndu(second, Coded([1, 0, -1])), ndu(header(NNR_PT_FLOAT, "c", (1,)), Coded([77]))]


RECIPES = (
    whole_codebook(
        "size-1",
        book(0, 0),
        title="A codebook of one value",
        tests="codebook_size 1 leaves index 0 only.",
        catches="A decoder that wants two values.",
        level=Level.FULL,
    ),
    whole_codebook(
        "size-1-nonzero",
        book(0, -77),
        title="A codebook of one value that is not 0",
        tests="Index 0 stands for codebook_zero_value, whatever that is.",
        catches="A decoder in which index 0 is always 0.",
        level=Level.FULL,
    ),
    whole_codebook(
        "size-2",
        book(1, -5, 6),
        title="A codebook of two values",
        tests="With an even size the zero lies above the middle.",
        catches="A decoder that halves the size the other way.",
    ),
    whole_codebook(
        "size-3",
        book(1, -5, 0, 6),
        title="A codebook of three values",
        tests="One value on each side of the zero.",
        catches="A decoder that skips a side.",
    ),
    whole_codebook(
        "offset-first",
        book(0, 1, 2, 4, 8, 16),
        title="The zero is the first value",
        tests="codebook_centre_offset is as low as it can be; there are no left deltas.",
        catches="A decoder that takes the offset's sign the wrong way.",
    ),
    whole_codebook(
        "offset-last",
        book(4, -16, -8, -4, -2, -1),
        title="The zero is the last value",
        tests="codebook_centre_offset is as high as it can be; there are no right deltas.",
        catches="A decoder that reads right deltas first.",
    ),
    whole_codebook(
        "consecutive-egk-0",
        book(3, -3, -2, -1, 0, 1, 2, 3),
        title="Consecutive values, egk 0",
        tests="Deltas of 0 in one bit each: neighbours differ by one at least.",
        catches="A decoder that forgets the one added to each delta.",
        egk=0,
    ),
    whole_codebook(
        "wide-egk-0",
        book(2, -1000, -7, 0, 9, 70000),
        title="Wide gaps, egk 0",
        tests="Long exp-Golomb codes of order 0.",
        catches="A decoder that limits the prefix.",
        egk=0,
    ),
    whole_codebook(
        "wide-egk-15",
        book(2, -100000, -7, 0, 9, 70000),
        title="Wide gaps, egk 15",
        tests="The highest order: 15 suffix bits at least.",
        catches="A decoder that reads the order in three bits.",
        egk=15,
    ),
    whole_codebook(
        "zero-value-large",
        book(1, 999_000, 1_000_000, 1_000_300),
        title="All values far above 0",
        tests="codebook_zero_value is large and positive.",
        catches="A decoder that centres the codebook at 0.",
    ),
    whole_codebook(
        "zero-value-negative",
        book(1, -1_000_300, -1_000_000, -999_000),
        title="All values far below 0",
        tests="codebook_zero_value is large and negative, an even code of ie(7).",
        catches="A decoder with the sign of ie(k) the wrong way round.",
    ),
    whole_codebook(
        "int32-ends",
        book(1, _INT32_MIN, 0, _INT32_MAX),
        title="Values at both ends of int32",
        tests="Deltas of 31 bits reach the smallest and the largest value.",
        catches="A decoder whose deltas or values overflow.",
    ),
    Recipe(
        id="codebook-300",
        title="A codebook of 300 values",
        tests="Indexes far beyond the unary part, on both sides of the zero.",
        catches="A decoder that keeps indexes of a codebook in a byte.",
        clauses=_CODEBOOK,
        level=Level.FULL,
        units=large,
    ),
    Recipe(
        id="codebook-scan-1",
        title="A codebook and a block scan",
        tests="The codebook is applied after the scan is undone, entry points follow it in the header.",
        catches="A decoder that looks values up before it knows their place.",
        clauses=_CODEBOOK,
        units=lambda numbers: matrix(header(NNR_PT_FLOAT, "w", (17, 11), scan_order=1), 187, numbers),
    ),
    Recipe(
        id="codebook-fraction-step",
        title="A codebook with a step that is no power of two",
        tests="Codebook values are multiplied by the step.",
        catches="A decoder that takes codebook values for final ones.",
        clauses=_CODEBOOK,
        units=lambda _: with_codebook(book(2, -300, -7, 0, 9, 500), None, Quantization(3, -43)),
    ),
    Recipe(
        id="codebook-dq",
        title="A codebook with dependent quantization",
        tests="The doubled value of the trellis is the index into the codebook.",
        catches="A decoder that looks up the coded index, or ignores dq_flag with a codebook.",
        clauses=_CODEBOOK,
        units=doubled_indexes,
    ),
    Recipe(
        id="codebook-block",
        title="A codebook in a BLOCK",
        tests="The codebook applies to the weight only.",
        catches="A decoder that looks up the bias in it.",
        clauses=_CODEBOOK,
        units=block,
    ),
    Recipe(
        id="codebook-one-each",
        title="Codebooks of several tensors",
        tests="A codebook holds for its own data unit.",
        catches="A decoder that keeps a codebook for the next unit.",
        clauses=_CODEBOOK,
        units=two_tensors,
    ),
)
