"""docs/interop.md and its list of streams, from the rows of a run."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

from interop.cases import COMPOSER, ENCODER, PEER, Case
from interop.judging import Outcome, Row
from interop.materials import NEAR
from interop.parts import MATRIX, SEED, Part
from interop.selection import combined, pairs_that_meet

COMMAND: Final = "nox -s interop"
LIST_NAME: Final = "interop-streams.csv"
MAKERS: Final = {PEER: "the peer's encoder", ENCODER: "our encoder", COMPOSER: "our composer"}


@dataclass(frozen=True)
class Versions:
    """Who took part: the peer with its version, this project's version, the Python that ran it."""

    peer: str
    project: str
    python: str


def parts_of(case: Case) -> str:
    """What a block holds in addition to its weight."""
    return " ".join(case.parts) or "-"


def shape_of(case: Case) -> str:
    """The dimensions, as a word."""
    return "x".join(map(str, case.shape))


def sized(case: Case) -> str:
    """The number of dimensions, or that there is one element."""
    return "one element" if prod(case.shape) == 1 else f"{len(case.shape)}-D"


def designed(case: Case) -> str:
    """How the codebook came about."""
    return f"the peer's mode {case.codebook}" if case.codebook.isdigit() else case.codebook


FEATURES: Final[Mapping[str, Callable[[Case], Any]]] = {
    "payload type": lambda case: case.payload,
    "BLOCK with": parts_of,
    "codebook": designed,
    "dq_flag": lambda case: int(case.dq),
    "scan_order": lambda case: case.scan_order,
    "block rows": lambda case: "several" if case.block_rows > 1 else "one",
    "cabac_unary_length": lambda case: case.unary_length,
    "qp density": lambda case: case.qp_density,
    "qp": lambda case: case.qp,
    "qp_delta": lambda case: case.qp_delta,
    "dimensions": sized,
    "shape": shape_of,
    "content": lambda case: case.content,
    "parameter sets": lambda case: case.parameter_sets,
    "rate-distortion optimised": lambda case: "yes" if case.rdo else "no",
    "carriage": lambda case: case.carriage,
}


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """A table in Markdown."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |"


def counts(rows: Iterable[Row]) -> tuple[int, ...]:
    """Streams in all, then by outcome."""
    found = Counter(row.outcome for row in rows)
    return (found.total(), *(found[outcome] for outcome in Outcome))


COUNTED: Final = ("streams", *(str(outcome) for outcome in Outcome))


def pairs_met(part: Part, rows: Sequence[Row]) -> str:
    """How many of the pairs of levels that can meet do."""
    wanted = pairs_that_meet(part.levels, part.possible, SEED)
    met = {pair for row in rows for pair in combined({name: getattr(row.case, name) for name in part.levels}, 2)}
    return f"{len(wanted & met)} of {len(wanted)}"


def interop_page(rows: Sequence[Row], versions: Versions) -> str:
    """docs/interop.md."""
    lines = [
        "# Interoperability",
        "",
        f"Made by `{COMMAND}`, which drives the independent codec ({versions.peer}) as a subprocess; not edited by hand. "
        f"nnc-conformance {versions.project}, Python {versions.python}.",
        "",
        "Every stream goes through three decoders that share no code: the reference, the peer, and the plain decoder of the tests. They "
        "agree when all tensors are the same bit for bit (tensors with a codebook, which the peer gives as binary64, rounded once to "
        f"binary32). What an encoder was given must be there again: integers exactly; values within {NEAR[False]:g} steps, {NEAR[True]:g} "
        "with dq_flag, where neither rate nor codebook weighs against nearness. "
        "Where the peer parts from us, the stream is written again with other choices of the "
        "[disputed points](disputed.md) until all three agree; where that explains nothing, the peer's own limit does, and the plain "
        f"decoder stands in for it. The rest would be unexplained. All streams: [{LIST_NAME}]({LIST_NAME}).",
        "",
        *table(
            ("part", "made by", *COUNTED, "pairs of levels met"),
            (_part_row(part, [row for row in rows if row.part == part.name]) for part in MATRIX),
        ),
        "",
        "In all: " + ", ".join(f"{name}: {count}" for name, count in zip(COUNTED, counts(rows), strict=True)) + ".",
        "",
        "## Disputed",
        "",
        *table(("choices that make us agree", "streams", "one of them"), _by_reason(rows, Outcome.DISPUTED)),
        "",
        "## What the peer cannot do",
        "",
        "These are limits of the peer, not of the standard; the reference and the plain decoder agree on every one of these streams.",
        "",
        *table(("the peer", "streams", "one of them", "how it shows"), _by_reason(rows, Outcome.PEER_CANNOT, symptom=True)),
        "",
        *_unexplained(rows),
        "## By feature",
        "",
    ]
    for name, value_of in FEATURES.items():
        groups: dict[Any, list[Row]] = {}
        for row in rows:
            groups.setdefault(value_of(row.case), []).append(row)
        lines += [*table((name, *COUNTED), ((value, *counts(groups[value])) for value in _ordered(groups))), ""]
    return "\n".join(lines).rstrip() + "\n"


def _part_row(part: Part, rows: Sequence[Row]) -> tuple[Any, ...]:
    return (part.name, MAKERS[part.maker], *counts(rows), pairs_met(part, rows))


def _by_reason(rows: Sequence[Row], outcome: Outcome, *, symptom: bool = False) -> Iterator[tuple[Any, ...]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row.outcome is outcome:
            groups.setdefault(row.reason, []).append(row)
    for reason, found in sorted(groups.items(), key=lambda item: -len(item[1])):
        yield (reason, len(found), f"#{found[0].case.number}", *((f"`{found[0].symptom}`",) if symptom else ()))


def _unexplained(rows: Sequence[Row]) -> Iterator[str]:
    found = [row for row in rows if row.outcome is Outcome.UNEXPLAINED]
    if found:
        yield from ("## Unexplained", "")
        yield from table(("stream", "what was seen"), ((f"#{row.case.number}", row.reason or row.symptom) for row in found))
        yield ""


def _ordered(values: Iterable[Any]) -> list[Any]:
    """Numbers by size, then words by the alphabet."""
    return sorted(values, key=lambda value: (isinstance(value, str), value))


def stream_list(rows: Sequence[Row]) -> str:
    """All streams as CSV, one a row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("number", "part", *FEATURES, "bytes", "outcome", "reason", "seen of the peer", "the same in"))
    for row in rows:
        features = (value_of(row.case) for value_of in FEATURES.values())
        writer.writerow((row.case.number, row.part, *features, row.size, row.outcome, row.reason, row.symptom, row.decoders))
    return text.getvalue()
