"""The goals of the second edition, with denominators of their own.

They are elements and value classes, branches, contexts of updates, events of skipped rows and
codebooks, tools by history, pairs and triples of tool choices.

They are derived as those of the first edition are; what both editions share is counted there.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations, product
from typing import Final

import numpy as np
import numpy.typing as npt

from nnc_conformance.generator.composition import stretches
from nnc_conformance.generator.coverage.contexts import BIN, ELEMENT, GREATER_GROUPS, INDEX, signalled_sets
from nnc_conformance.generator.coverage.goals import GoalKind, GoalStanding, Key
from nnc_conformance.generator.coverage.states import BINS_TO_SHOW
from nnc_conformance.reference.driver import RecordedCodeword
from nnc_conformance.reference.entropy.coding import HIGHEST_SCAN_ORDER, TensorCoding
from nnc_conformance.reference.entropy.contexts import (
    HDSP_FLAG,
    NEIGHBOURS,
    NO_LIMIT,
    ROW_SKIP_FLAG,
    TCA_NEIGHBOURS,
    ContextLayout,
    context_layout,
    context_name,
    element_name,
)
from nnc_conformance.reference.entropy.kernel_tables import SETS, STATES, IntArray
from nnc_conformance.reference.entropy.tables import STATE_TRANS_TAB
from nnc_conformance.reference.syntax.structures.data_unit import (
    BI,
    BN,
    DC,
    DEFAULT_UNARY_LENGTH,
    LS,
    NNR_PT_RAW_FLOAT,
    PAYLOAD_TYPE_NAMES,
    DataUnitHeader,
)

CERTIFIED, DISPUTED = GoalStanding.CERTIFIED, GoalStanding.DISPUTED
INT, FLOAT, RAW_FLOAT, BLOCK = PAYLOAD_TYPE_NAMES
NO, YES = "0", "1"


# Contexts


@cache
def names_of_contexts(layout: ContextLayout) -> tuple[str, ...]:
    """Return the name of each context that tools of updates add; empty for the others."""
    names = []
    for context in range(layout.row_skip + 1):
        name = ""
        if layout.sig_tca <= context < layout.sign:
            name = (
                context_name(layout, context) if layout.dq_flag else context_name(layout, context).replace("stateId 0", "without dq_flag")
            )
        elif layout.sign_tca <= context < layout.greater or context == layout.row_skip:
            name = context_name(layout, context) if context < layout.row_skip else "row_skip_list"
        elif layout.greater_tca <= context < layout.prefix:
            j = (context - layout.greater_tca) // 2
            name = context_name(layout, context)
            if j >= DEFAULT_UNARY_LENGTH:
                low, high = next(group for group in GREATER_GROUPS if group[0] <= j <= group[1])
                name = f"abs_level_greater_x[{low}..{high}],{name.partition(',')[2]}"
        names.append(name)
    return tuple(names)


def context_keys() -> Iterator[Key]:
    """Yield a goal (context, parameter set, bin) for every context of updates.

    row_skip_list has set 0 alone.
    """
    plain = context_layout(False, DEFAULT_UNARY_LENGTH, tca=True, hdsp=True)
    longest = context_layout(True, GREATER_GROUPS[-1][1] + 1, tca=True, hdsp=True)
    names = dict.fromkeys((*names_of_contexts(plain)[: plain.sign], *names_of_contexts(longest)))
    for name in filter(None, names):
        for chosen, bin_value in product(range(1 if name == "row_skip_list" else SETS), range(2)):
            yield Key(GoalKind.CONTEXT, name, f"set {chosen}, bin {bin_value}")


def why_not_met(key: Key) -> str:
    """Return why a context cannot be met; empty if it can."""
    below = key.subject.endswith("base index below it")
    return "a base index of 0 has the ordinary contexts" if below and key.subject.partition("]")[0].endswith(("[0", "[1")) else ""


def contexts_met(events: IntArray, layout: ContextLayout) -> Iterator[Key]:
    """Yield the goals of contexts with enough bins to show their parameter set.

    Args:
        events: The recorded bins of one tensor.
        layout: Its contexts.
    """
    names = names_of_contexts(layout)
    sets = signalled_sets(events[events[:, INDEX] < 0], layout)
    used = events[(events[:, ELEMENT] >= layout.sig_tca) & (events[:, ELEMENT] <= layout.row_skip)]
    counts = np.bincount(2 * used[:, ELEMENT] + used[:, BIN], minlength=2 * layout.row_skip + 2).reshape(-1, 2)
    for context in np.flatnonzero(counts.sum(axis=1) >= BINS_TO_SHOW).tolist():
        if names[context]:
            chosen = int(sets[context]) if context < layout.flag else 0
            yield from (Key(GoalKind.CONTEXT, names[context], f"set {chosen}, bin {bit}") for bit in range(2) if counts[context, bit])


# Events


def event(subject: str, case: str) -> Key:
    """Return the key of an event."""
    return Key(GoalKind.EVENT, subject, case)


FIRST_ROW, LAST_ROW, INNER_ROW, EVERY_ROW, NO_ROW = "the first row", "the last row", "an inner row", "every row", "no row"
BLOCK_START, BLOCK_END, WHOLE_BLOCK, ACROSS = "the first of a block row", "the last of a block row", "a block row", "two block rows"
PLACES: Final = (FIRST_ROW, LAST_ROW, INNER_ROW, EVERY_ROW, NO_ROW)
BLOCK_PLACES: Final = (BLOCK_START, BLOCK_END, WHOLE_BLOCK, ACROSS)
CLASSES: Final = ("zero", "negative", "positive")
SIDES: Final = ("negative", "positive")
CENTRES: Final = ("at the left end", "inside", "at the right end")
SIZES: Final = ("1", "2", "3", "2^n", "another size")
NOWHERE: Final = (SIZES[1], CENTRES[1])
"""A codebook of two values has no inside."""
MOST_PREFIX: Final = 8
"""Prefix bins up to which a truncated prefix is a goal: codebooks of up to 2^9 values."""


def event_keys() -> Iterator[Key]:
    """Yield a goal for each event of skipped rows, codebooks and entry points."""
    for scan_order, dq in product(range(HIGHEST_SCAN_ORDER + 1), range(2)):
        places = (*PLACES, *BLOCK_PLACES) if scan_order else PLACES
        yield from (event(f"skipped, scan {scan_order}, dq_flag {dq}", place) for place in places)
    for state_id, width in product(range(STATES), range(4)):
        yield event(f"trellis over a skipped row, stateId {state_id}", f"width {width} modulo 4")
    yield from (event("neighbour over a skipped row", f"{after} after {before}") for before, after in product(CLASSES, CLASSES))
    yield event("codebook", f"1, index 0 {CENTRES[0]}")
    yield from (event("codebook", f"{size}, index 0 {centre}") for size, centre in product(SIZES[1:], CENTRES) if (size, centre) != NOWHERE)
    for side in SIDES:
        yield from (event("prefix ended by the codebook", f"{ones} ones, {side}") for ones in range(1, MOST_PREFIX + 1))
        yield event("greater-than bins ended by the codebook", side)
        yield event("sign_flag not coded", side)
    for tool, dq in product(("row skip", "TCA", "HDSP"), range(2)):
        yield event("entry points", f"{tool}, dq_flag {dq}")


def standing_of_event(key: Key) -> tuple[GoalStanding, str]:
    """Return the standing of an event, and why."""
    if key.subject == "codebook" and key.case.partition(",")[0] in ("2", "3"):
        return DISPUTED, "codebook_greater_sets"
    return CERTIFIED, ""


def skipped_rows(events: IntArray, coding: TensorCoding) -> npt.NDArray[np.bool_] | None:
    """Return row_skip_list as decoded; None without one."""
    bins = events[events[:, ELEMENT] == coding.layout.row_skip][:, BIN]
    return bins.astype(bool) if len(bins) == coding.rows and coding.has_row_skip_flag else None


def row_events(skipped: npt.NDArray[np.bool_], coding: TensorCoding) -> Iterator[Key]:
    """Yield the places where rows are skipped, such as the first row.

    Args:
        skipped: Which rows of the tensor are skipped, bool (rows,).
        coding: The coding of the tensor.
    """
    subject = f"skipped, scan {coding.scan_order}, dq_flag {int(coding.dq_flag)}"
    met = {
        FIRST_ROW: skipped[0],
        LAST_ROW: skipped[-1],
        INNER_ROW: skipped[1:-1].any(),
        EVERY_ROW: skipped.all(),
        NO_ROW: not skipped.any(),
    }
    side = coding.area.side
    if side and coding.block_rows > 1:
        starts = np.arange(0, coding.rows, side)
        blocks = [skipped[start : start + side] for start in starts]
        met |= {
            BLOCK_START: any(block[0] and not block.all() for block in blocks),
            BLOCK_END: any(block[-1] and not block.all() for block in blocks),
            WHOLE_BLOCK: any(block.all() for block in blocks) and not skipped.all(),
            ACROSS: any(skipped[start - 1] and skipped[start] for start in starts[1:]),
        }
    yield from (event(subject, place) for place, holds in met.items() if holds)


@dataclass(frozen=True)
class CodedIndexes:
    """The coded indexes of a tensor, in coded order.

    It has the class (-1 if no sign is coded) and the stateId of each.
    """

    classes: npt.NDArray[np.int64]
    states: npt.NDArray[np.int64]


def coded_indexes(body: IntArray, layout: ContextLayout) -> CodedIndexes:
    """Derive class and stateId of each coded index from its significance and sign bins.

    Args:
        body: The recorded bins of the indexes.
        layout: The tensor's contexts.
    """
    element = body[:, ELEMENT]
    sig = body[(element >= 0) & (element < layout.sign)]
    signs = body[(element >= layout.sign) & (element < layout.greater)]
    count = int(body[:, INDEX].max()) + 1 if len(body) else 0
    classes, states = np.zeros(count, np.int64), np.zeros(count, np.int64)
    classes[sig[:, INDEX]] = -sig[:, BIN]
    classes[signs[:, INDEX]] = 2 - signs[:, BIN]
    context = sig[:, ELEMENT]
    tca, hdsp = (context >= layout.sig_tca) & (context < layout.sig_hdsp), context >= layout.sig_hdsp
    found = np.where(tca, (context - layout.sig_tca) // TCA_NEIGHBOURS, context // NEIGHBOURS)
    states[sig[:, INDEX]] = np.where(hdsp, context - layout.sig_hdsp, found)
    return CodedIndexes(classes, states)


def stretch_events(skipped: npt.NDArray[np.bool_], indexes: CodedIndexes, coding: TensorCoding) -> Iterator[Key]:
    """Yield how stateId and neighbours cross skipped rows of a tensor in scan 0.

    Args:
        skipped: Which rows of the tensor are skipped, bool (rows,).
        indexes: Classes and states of the indexes that are coded.
        coding: The coding of the tensor.
    """
    if coding.scan_order:
        return
    before = {after: state for state, after in enumerate(row[0] for row in STATE_TRANS_TAB)}
    coded, run = 0, 0
    for row, width in stretches(coding.area):
        if skipped[row]:
            run += 1
            continue
        if run and coded and coded < len(indexes.classes):
            ends = indexes.classes[coded - 1], indexes.classes[coded]
            if min(ends) >= 0:
                yield event("neighbour over a skipped row", f"{CLASSES[ends[1]]} after {CLASSES[ends[0]]}")
        if run and coding.dq_flag and coded < len(indexes.states):
            state_id = int(indexes.states[coded])
            for _ in range(run):
                for _ in range(coding.columns):
                    state_id = before[state_id]
                yield event(f"trellis over a skipped row, stateId {state_id}", f"width {coding.columns % 4} modulo 4")
        run = 0
        coded += width


def size_class(size: int) -> str:
    """Return the class of a codebook_size."""
    if size <= 3:
        return str(size)
    return "2^n" if size & (size - 1) == 0 else "another size"


def codebook_events(body: IntArray, coding: TensorCoding) -> Iterator[Key]:
    """Yield the class of a tensor's codebook, and the bins that it makes needless.

    A codebook bounds indexes, so sign, greater-than and prefix bins may not be coded.

    Args:
        body: The bins of the tensor's indexes, as recorded.
        coding: The coding of the tensor, with a codebook.
    """
    assert coding.codebook is not None
    size, zero = coding.codebook
    yield event("codebook", f"{size_class(size)}, index 0 {CENTRES[2 if zero == size - 1 and zero else 1 if zero else 0]}")
    layout, limits = coding.layout, coding.limits
    element, index = body[:, ELEMENT], body[:, INDEX]
    count = int(index.max()) + 1 if len(body) else 0
    ones = np.zeros((2, count), np.int64)
    stopped = np.zeros(count, bool)
    groups = ((element >= layout.greater) & (element < layout.prefix), (element >= layout.prefix) & (element < layout.flag))
    for group, mask in enumerate(groups):
        np.add.at(ones[group], index[mask], body[mask][:, BIN])
        stopped[index[mask & (body[:, BIN] == 0)]] = True
    significant = np.zeros(count, bool)
    sig = (element >= 0) & (element < layout.sign)
    significant[index[sig]] = body[sig][:, BIN] == 1
    negative = np.full(count, limits[1] == 0)
    signs = (element >= layout.sign) & (element < layout.greater)
    negative[index[signs]] = body[signs][:, BIN] == 1
    for side, whether in zip(SIDES, (negative, ~negative), strict=True):
        ended = significant & whether & ~stopped
        if 0 in limits and (significant & whether).any():
            yield event("sign_flag not coded", side)
        if (ended & (ones[0] < layout.unary_length)).any():
            yield event("greater-than bins ended by the codebook", side)
        for run in np.unique(ones[1][ended & (ones[0] == layout.unary_length)]).tolist():
            if 0 < run <= MOST_PREFIX:
                yield event("prefix ended by the codebook", f"{run} ones, {side}")


# Histories

TOOLS: Final = ("no tool", "row skip", "TCA", "HDSP", "TCA and HDSP", "every tool")
"""The sets of tools that a tensor of an update can use, as goals name them."""
ALONE, ONE, SEVERAL, LEFT_OUT, REPLACED, ZEROS, RAW, SKIPPED = (
    "the base model alone", "one update", "several updates", "left out of an update", "replaced by an update", "nothing but zeros",
    "raw numbers", "skipped rows",
)  # fmt: skip
OTHER: Final = ("payload type", "scan_order", "dq_flag", "codebook", "qp", "qp_density", "cabac_unary_length")
"""Choices of a unit that can differ from those of the tensor's unit before it."""
HISTORIES: Final = (ALONE, ONE, SEVERAL, LEFT_OUT, REPLACED, ZEROS, RAW, SKIPPED, *(f"another {what}" for what in OTHER))
"""The histories of a tensor before an update, as goals name them."""


def tool_name(*, rows: bool, tca: bool, hdsp: bool) -> str:
    """Return which of `TOOLS` a combination of row skip, TCA and HDSP is."""
    if tca and hdsp:
        return TOOLS[5] if rows else TOOLS[4]
    return TOOLS[2] if tca else TOOLS[3] if hdsp else TOOLS[1] if rows else TOOLS[0]


def history_keys() -> Iterator[Key]:
    """Yield a goal for each tool after each history."""
    yield from (Key(GoalKind.STATE, f"{tool} after", case) for tool, case in product(TOOLS, HISTORIES))


def standing_of_history(key: Key) -> tuple[GoalStanding, str]:
    """Return the standing of a goal of histories, and the disputed point that decides it."""
    tool = key.subject.removesuffix(" after")
    if key.case == RAW and ("TCA" in tool or tool == TOOLS[5]):
        return DISPUTED, "raw_float_node"
    if key.case == REPLACED and tool in TOOLS[3:]:
        return DISPUTED, "hdsp_history"
    return CERTIFIED, ""


@dataclass
class Past:
    """What earlier streams of a session coded of one tensor.

    It has each unit's choices, and whether the unit had a parent.
    """

    choices: list[Mapping[str, str]] = field(default_factory=list)
    parents: list[bool] = field(default_factory=list)
    zeros: bool = True
    skipped: bool = False
    left_out: bool = False


class HistoryCounter:
    """Counts tools by history over the streams of a session."""

    def __init__(self) -> None:
        self._past: dict[str, Past] = {}
        self._met: set[str] = set()
        self._updates = False

    def unit(self, header: DataUnitHeader, tools: str, *, nonzero: bool, skipped: bool) -> Iterator[Key]:
        """Yield the goals that a data unit meets by its tensor's history; remember the unit.

        Args:
            header: The header of the unit.
            tools: The `tool_name` of the tools that the unit uses.
            nonzero: Whether an index of the unit is not 0.
            skipped: Whether the unit skips rows.
        """
        name = header.ids[0]
        choice = history_choice(header)
        assert header.update is not None
        self._updates = self._updates or header.update.parent_signalling
        past = self._past.setdefault(name, Past())
        if header.parent_id is not None and past.choices:
            yield from (Key(GoalKind.STATE, f"{tools} after", case) for case in cases_of(past, choice))
        past.choices.append(choice)
        past.parents.append(header.parent_id is not None)
        past.zeros = past.zeros and not nonzero
        past.skipped = past.skipped or skipped
        past.left_out = False
        self._met.add(name)

    def end_of_stream(self) -> None:
        """Note which known tensors the stream that ends left out, if it is an update.

        What was met in the stream is forgotten.
        """
        for name, past in self._past.items():
            past.left_out = past.left_out or (self._updates and name not in self._met)
        self._met.clear()
        self._updates = False


def cases_of(past: Past, now: Mapping[str, str]) -> Iterator[str]:
    """Yield which of `HISTORIES` hold for a tensor that is coded again.

    Args:
        past: The earlier units of the tensor.
        now: The `history_choice` of the unit that codes it again.
    """
    updates = len(past.choices) - 1
    yield ALONE if updates == 0 else ONE if updates == 1 else SEVERAL
    replaced = any(not parent for parent in past.parents[1:])
    conditions = {LEFT_OUT: past.left_out, REPLACED: replaced, ZEROS: past.zeros, SKIPPED: past.skipped}
    yield from (case for case, holds in conditions.items() if holds)
    last = past.choices[-1]
    if last["payload type"] == RAW_FLOAT:
        yield RAW
    yield from (f"another {what}" for what in OTHER if last[what] != now[what])


def history_choice(header: DataUnitHeader) -> dict[str, str]:
    """Return the choices of a data unit that a later one must not depend on."""
    return {
        "payload type": PAYLOAD_TYPE_NAMES[header.payload_type],
        "scan_order": str(header.scan_order),
        "dq_flag": str(header.dq_flag),
        "codebook": str(header.codebook is not None),
        "qp": str(header.quantization and header.quantization.quantization_parameter),
        "qp_density": str(header.quantization and header.quantization.qp_density),
        "cabac_unary_length": str(header.unary_length),
    }


# Pairs and triples

NONE: Final = "none"
FACTORS: Final[dict[str, tuple[str, ...]]] = {
    "payload type": PAYLOAD_TYPE_NAMES,
    "scan_order": tuple(map(str, range(HIGHEST_SCAN_ORDER + 1))),
    "dq_flag": (NO, YES),
    "codebook": (NO, YES),
    "parts": (NONE, "vectors", "DC", "DC and vectors"),
    "parent": ("base stream", "none in an update", "node"),
    "TCA": (NO, YES),
    "HDSP": (NO, YES),
    "row skip": (NO, YES),
    "dimensions": ("coded", "of the base"),
    "unary length": ("10", "another"),
}
"""Factors of the tool choices of the second edition, with their values."""

Holds = Callable[..., bool]
IMPOSSIBLE: Final[tuple[tuple[tuple[str, ...], Holds], ...]] = (
    (
        ("payload type", "scan_order", "dq_flag", "TCA", "HDSP", "row skip", "unary length"),
        lambda kind, scan, *tools: kind != RAW_FLOAT or (scan == "0" and set(tools[:-1]) == {NO} and tools[-1] == "10"),
    ),
    (("payload type", "codebook"), lambda kind, book: kind in (FLOAT, BLOCK) or book == NO),
    (("payload type", "parts"), lambda kind, parts: (kind == BLOCK) == (parts != NONE)),
    (("parent", "TCA", "HDSP"), lambda parent, *tools: parent == "node" or YES not in tools),
    (("parent", "dimensions"), lambda parent, dims: parent != "base stream" or dims == "coded"),
)
"""What every choice of tools keeps: factors, and the condition on their values."""
AT_ODDS: Final[tuple[tuple[tuple[str, ...], Holds], ...]] = (
    (("payload type", "dq_flag"), lambda kind, dq: kind != INT or dq == NO),
    (("dq_flag", "codebook"), lambda dq, book: NO in (dq, book)),
)
"""What choices keep on which no disputed point depends (int_dq_flag, codebook_dq)."""


@cache
def whole_choices(*, disputed: bool) -> npt.NDArray[np.int64]:
    """List all combinations of tools, a row each, as places in `FACTORS`.

    Args:
        disputed: Whether to include those that depend on a disputed point.
    """
    constraints = IMPOSSIBLE if disputed else (*IMPOSSIBLE, *AT_ODDS)
    names = list(FACTORS)
    found = []
    for places in product(*(range(len(values)) for values in FACTORS.values())):
        chosen = {name: FACTORS[name][place] for name, place in zip(names, places, strict=True)}
        if all(holds(*(chosen[factor] for factor in factors)) for factors, holds in constraints):
            found.append(places)
    return np.array(found, np.int64)


def tuple_key(factors: tuple[str, ...], values: tuple[str, ...]) -> Key:
    """Return the goal of a pair or triple of values."""
    return Key(GoalKind.PAIR if len(factors) == 2 else GoalKind.TRIPLE, f"2024: {' x '.join(factors)}", ", ".join(values))


def tuples_of(choices: npt.NDArray[np.int64], strength: int) -> Iterator[Key]:
    """Yield the goals of all pairs (2) or triples (3) of values in some choices.

    Args:
        choices: Combinations of tools, a row each, as places in `FACTORS`.
        strength: 2 or 3.
    """
    names = list(FACTORS)
    for columns in combinations(range(len(names)), strength):
        factors = tuple(names[column] for column in columns)
        for places in np.unique(choices[:, columns], axis=0).tolist():
            yield tuple_key(factors, tuple(FACTORS[factor][place] for factor, place in zip(factors, places, strict=True)))


def choice_of(header: DataUnitHeader, *, dimensions_coded: bool, hdsp: bool, rows: bool) -> dict[str, str]:
    """Return the value of each of `FACTORS` for a data unit.

    Args:
        header: The header of the unit.
        dimensions_coded: Whether the unit has its dimensions, rather than those of the base model.
        hdsp: Whether a tensor of the unit uses history dependent significance.
        rows: Whether a tensor of the unit skips rows.
    """
    assert header.update is not None
    vectors, decomposed = bool(header.parameter_types & (LS | BN | BI)), bool(header.parameter_types & DC)
    is_block = PAYLOAD_TYPE_NAMES[header.payload_type] == BLOCK
    parent = "base stream" if not header.update.parent_signalling else "none in an update" if header.parent_id is None else "node"
    return {
        "payload type": PAYLOAD_TYPE_NAMES[header.payload_type],
        "scan_order": str(header.scan_order),
        "dq_flag": str(int(header.dq_flag)),
        "codebook": str(int(header.codebook is not None)),
        "parts": FACTORS["parts"][vectors + 2 * decomposed] if is_block else NONE,
        "parent": parent,
        "TCA": str(int(header.tca)),
        "HDSP": str(int(hdsp)),
        "row skip": str(int(rows)),
        "dimensions": FACTORS["dimensions"][not dimensions_coded],
        "unary length": FACTORS["unary length"][header.unary_length != DEFAULT_UNARY_LENGTH and header.payload_type != NNR_PT_RAW_FLOAT],
    }


def keys_of(choice: Mapping[str, str]) -> Iterator[Key]:
    """Yield the pairs and triples that a choice holds."""
    for strength in (2, 3):
        for factors in combinations(FACTORS, strength):
            yield tuple_key(factors, tuple(choice[factor] for factor in factors))


# All that a data unit meets


def flag_values(codeword: RecordedCodeword) -> Iterator[tuple[str, int, int]]:
    """Yield (element, value, times) of the elements that the second edition adds to a codeword."""
    bins = codeword.trace.events
    starts = [*codeword.trace.first_events, len(bins)]
    for number, layout in enumerate(codeword.trace.layouts):
        events = bins[starts[number] : starts[number + 1]]
        for element in (HDSP_FLAG, ROW_SKIP_FLAG, layout.row_skip):
            name = "row_skip_list" if element >= 0 else element_name(layout, element)
            counts = np.bincount(events[events[:, ELEMENT] == element][:, BIN], minlength=2).tolist()
            yield from ((name, value, times) for value, times in enumerate(counts) if times)


def unit_goals(
    header: DataUnitHeader, codeword: RecordedCodeword | None, histories: HistoryCounter, *, dimensions_coded: bool
) -> Counter[Key]:
    """Count the goals that a data unit of the second edition meets.

    Args:
        header: The header of the unit.
        codeword: Its codeword with the recorded bins; None for NNR_PT_RAW_FLOAT.
        histories: What earlier units of the session coded; the unit is added.
        dimensions_coded: Whether the unit has its dimensions, rather than those of the base model.
    """
    found: Counter[Key] = Counter()
    rows = hdsp = False
    nonzero = codeword is None
    if codeword is not None and codeword.decoded:
        bins = codeword.trace.events
        starts = [*codeword.trace.first_events, len(bins)]
        for number, coding in enumerate(codeword.codings):
            events = bins[starts[number] : starts[number + 1]]
            flags = {int(element) for element in events[events[:, BIN] == 1][:, ELEMENT] if element in (ROW_SKIP_FLAG, HDSP_FLAG)}
            rows, hdsp = rows or ROW_SKIP_FLAG in flags, hdsp or HDSP_FLAG in flags
            body = events[events[:, INDEX] >= 0]
            layout = coding.layout
            nonzero = nonzero or bool(((body[:, ELEMENT] >= 0) & (body[:, ELEMENT] < layout.sign) & (body[:, BIN] == 1)).any())
            found.update(contexts_met(events, layout))
            skipped = skipped_rows(events, coding)
            if skipped is not None:
                found.update(row_events(skipped, coding))
                found.update(stretch_events(skipped, coded_indexes(body, layout), coding))
            if coding.codebook is not None and coding.limits != (NO_LIMIT, NO_LIMIT):
                found.update(codebook_events(body, coding))
            if coding.block_rows > 1:
                used = {"row skip": skipped is not None, "TCA": coding.tca, "HDSP": HDSP_FLAG in flags}
                found.update(event("entry points", f"{tool}, dq_flag {int(coding.dq_flag)}") for tool, on in used.items() if on)
    if codeword is None or codeword.decoded:
        found.update(keys_of(choice_of(header, dimensions_coded=dimensions_coded, hdsp=hdsp, rows=rows)))
        tools = tool_name(rows=rows, tca=header.tca, hdsp=hdsp)
        found.update(histories.unit(header, tools, nonzero=nonzero, skipped=rows))
    return found
