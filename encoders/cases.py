"""Cases for an encoder under test: tensors and options, the same on every machine.

Each group varies one thing; `option_rows` varies all options that the encoder can be asked for, at
pairwise strength.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

import numpy as np

from nnc_conformance.encoders.encoder_spec import EncoderSpec
from nnc_conformance.encoders.option_values import (
    ASKED,
    BLOCKS,
    DEFAULT_DENSITY,
    OFF,
    ON,
    SECOND_EDITION,
    TOOLS,
    in_encoder_words,
)
from nnc_conformance.generator.planner import plan
from nnc_conformance.generator.randomness import DEFAULT_SEED, Numbers
from nnc_conformance.storage.documents import Frozen

Tensors = dict[str, np.ndarray]

CASES: Final = "nnc-encoder-cases/1"
"""Version of the generated cases, which certificates name: any change of a case raises its number."""
SHAPES: Final[tuple[tuple[int, ...], ...]] = (
    (), (1,), (2,), (7,), (1000,), (1, 1), (1, 17), (17, 1), (3, 5), (1, 300), (300, 1), (65, 3), (3, 65), (129, 67), (2, 3, 5),
    (4, 3, 3, 3), (1, 1, 1, 9), (2, 1, 3, 1, 2), (2, 2, 2, 2, 2, 2), (2, 1, 2, 1, 2, 1, 2), (2, 2, 2, 2, 2, 2, 2, 2),
    (1, 1, 1, 1, 1, 1, 1, 1),
    (5000,), (1, 4097),
)  # fmt: skip
"""Shapes of 0 to 8 dimensions: odd, long, single rows and columns."""
INTEGER_SHAPES: Final[tuple[tuple[int, ...], ...]] = ((), (13,), (5, 7), (1, 40), (40, 1), (3, 1, 5), (2, 2, 2, 2, 2, 2, 2, 2))
SCAN_SHAPES: Final[tuple[tuple[int, ...], ...]] = (
    (5, 9), (7, 3), (9, 5), (8, 8), (16, 16), (70, 70), (1, 70), (70, 1), (50,), (66, 3, 3), (1, 1), (130, 9)
)  # fmt: skip
"""Shapes for block scans: a single block row or column, whole blocks, blocks cut short."""
NAMES: Final = {
    "unicode": ("gewichte.\u00e4\u00f6\u00fc", "\u6a21\u578b.\u6743\u91cd", "\U0001f9e0.weight", "\u03c9\u0301"),
    "long": ("layer." * 200 + "weight", "x" * 4000),
    "punctuation": ("a b", "a/b:c", "a.b.c", "-", "'\"", "\\"),
    "alike": ("w", "W", "w ", "w.0", "w.00", "w.0.0"),
}
"""Names of parameters by what is special about them."""
COUNTS: Final = (2, 40, 300)
NOT_FINITE: Final = "values that are not finite may be refused"
BEYOND_STEPS: Final = "values beyond int32 steps may be refused"
QP_DELTA_RANGE: Final = "the qp of weights and vectors may be refused: qp_delta has 6 + qp_density bits"


class EncoderCase(Frozen):
    """One case: what an encoder is asked, and what it may refuse.

    Attributes:
        id: Name of the case.
        group: What the case varies.
        title: What is special about it.
        options: Options by our names, with qp as qp.
        steps: Inputs; more than one for a session of updates.
        may_refuse: Why the encoder may refuse it; "" if it may not.
        blocks: Block and type by the names of tensors in blocks.
    """

    format: str = "nnc-encoder-case/1"
    id: str
    group: str
    title: str
    options: dict[str, str]
    steps: int = 1
    may_refuse: str = ""
    blocks: dict[str, dict[str, str]] | None = None


@dataclass(frozen=True)
class CaseInput:
    """A case with its tensors: one set for each step."""

    case: EncoderCase
    inputs: tuple[Tensors, ...]


@dataclass
class _Maker:
    """Makes the cases for one encoder."""

    encoder: EncoderSpec
    made: list[CaseInput] = field(default_factory=list)

    def known(self, name: str, *values: str) -> tuple[str, ...]:
        """Return those of the values (all by default) that the encoder can be asked for."""
        return known_values(self.encoder, name, *values)

    def usual(self, **asked: str) -> dict[str, str]:
        """Return options: steps and rounding as usual, and those given that can be asked for."""
        options = {name: values[0] for name in ("qp", "nonweight_qp", "rdo") if (values := self.known(name))}
        return options | {name: value for name, value in asked.items() if self.known(name, value)}

    def add(
        self,
        group: str,
        name: str,
        title: str,
        *inputs: Tensors,
        options: Mapping[str, str] | None = None,
        may_refuse: str = "",
        blocks: dict[str, dict[str, str]] | None = None,
    ) -> None:
        """Append a case with its input tensors to `made`.

        Args:
            group: The topic of the case, such as ``shape``; the first half of its id.
            name: The second half of its id, unique in the group.
            title: What the case tries, in words for a reader.
            inputs: The tensors to encode by name, one mapping for each step of a session.
            options: The choice for each option of the encoder; the usual ones if None.
            may_refuse: Why an encoder may refuse the case; empty if it may not.
            blocks: Block and kind of each tensor, by tensor name; None without blocks.
        """
        asked = in_encoder_words(self.usual() if options is None else options)
        identity = f"{group}-{name}"
        case = EncoderCase(id=identity, group=group, title=title, options=asked, steps=len(inputs), may_refuse=may_refuse, blocks=blocks)
        self.made.append(CaseInput(case, inputs))


def known_values(encoder: EncoderSpec, name: str, *values: str) -> tuple[str, ...]:
    """Return which values of an option (all by default) an encoder can be asked for."""
    words = encoder.options.get(name)
    return () if words is None else tuple(value for value in values or ASKED[name].values if words.knows(value))


def cases_for(encoder: EncoderSpec) -> list[CaseInput]:
    """Return all cases for an encoder, in the order of their groups."""
    maker = _Maker(encoder)
    for add in (_shapes, _values, _types, _names, _counts, _steps, _scans, _skipped_rows, _blocks, _options, _updates):
        add(maker)
    return maker.made


def weights(label: str, shape: Sequence[int], *, octave: int = 0) -> np.ndarray:
    """Return float32 values of ``shape`` in a bell curve, none of them 0.

    The deviation is 0.6 * 2^octave.
    """
    return bell_curve(Numbers(DEFAULT_SEED, f"encoder-case/{label}"), shape, octave=octave)


def bell_curve(numbers: Numbers, shape: Sequence[int], *, octave: int = 0) -> np.ndarray:
    """Return float32 values of ``shape`` drawn from ``numbers``, as `weights` does."""
    count = int(np.prod(shape, dtype=np.int64))
    total = sum(numbers.integers(f"part-{part}", count, -8191, 8192) for part in range(4))
    assert isinstance(total, np.ndarray)
    return np.ldexp((2 * total + 1).astype(np.float32), octave - 15).reshape(tuple(shape))


def integers(label: str, shape: Sequence[int], low: int = -100, high: int = 100) -> np.ndarray:
    """Return int32 values of ``shape`` from ``low`` to ``high``, both included.

    ``label`` seeds the random numbers: the same label always gives the same values.
    """
    count = int(np.prod(shape, dtype=np.int64))
    return Numbers(DEFAULT_SEED, f"encoder-case/{label}").integers("values", count, low, high).astype(np.int32).reshape(tuple(shape))


def _shape_name(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _shapes(maker: _Maker) -> None:
    """Add a case for each shape in `SHAPES` and `INTEGER_SHAPES`, with random values."""
    for shape in SHAPES:
        name = _shape_name(shape)
        maker.add("shape", f"float-{name}", f"a float tensor of shape {shape}", {"w": weights(name, shape)})
    for shape in INTEGER_SHAPES:
        name = _shape_name(shape)
        maker.add("shape", f"int-{name}", f"an integer tensor of shape {shape}", {"w": integers(name, shape)})


def _values(maker: _Maker) -> None:
    """Add cases with special values: zeros, outliers, NaN, infinities, ends of int32, codebooks."""
    shape = (70, 12)
    usual = weights("usual", shape)

    def with_values(*values: float) -> np.ndarray:
        changed = usual.copy()
        changed.reshape(-1)[[5, 77, 400, 838][: len(values)]] = np.array(values, np.float32)
        return changed

    lone = np.zeros(shape, np.float32)
    lone[37, 5] = 0.75
    signs = np.where(np.arange(840).reshape(shape) % 2, np.float32(0.5), np.float32(-0.5)).astype(np.float32)
    sparse = np.where(np.abs(usual) > 1, usual, np.float32(0))
    floats: dict[str, tuple[str, np.ndarray, str]] = {
        "usual": ("values in a bell curve", usual, ""),
        "zeros": ("zeros only", np.zeros(shape, np.float32), ""),
        "one-value": ("one value everywhere", np.full(shape, 0.375, np.float32), ""),
        "one-value-vector": ("a vector of one value", np.full(50, 1.0, np.float32), ""),
        "lone": ("one value other than 0", lone, ""),
        "sparse": ("few values other than 0", sparse, ""),
        "signs": ("one magnitude with both signs", signs, ""),
        "large": ("magnitudes of several thousand steps", weights("large", shape, octave=8), ""),
        "outlier": ("one value far from the others", with_values(100.0), ""),
        "negative-zero": ("negative zeros", with_values(-0.0, -0.0), ""),
        "subnormals": ("subnormal values", np.full(shape, 1e-40, np.float32), ""),
        "tiny": ("values far below a step", np.ldexp(usual, -90), ""),
        "greatest": ("the greatest float32 values", with_values(3.4028235e38, -3.4028235e38), BEYOND_STEPS),
        "nan": ("NaN", with_values(float("nan"), float("nan")), NOT_FINITE),
        "infinity": ("infinities", with_values(float("inf"), float("-inf")), NOT_FINITE),
        "nan-vector": ("a vector with a NaN", np.array([1, np.nan, 2, 3], np.float32), NOT_FINITE),
        "all-nan": ("NaN only", np.full((3, 4), np.nan, np.float32), NOT_FINITE),
    }
    for name, (title, array, may_refuse) in floats.items():
        maker.add("value", name, title, {"w": array}, may_refuse=may_refuse)
    ends = np.array([[2**31 - 1, -(2**31) + 1, 0, 1], [-1, 2**30, -(2**30), 255]], np.int32)
    least = np.array([[-(2**31), 0], [1, -1]], np.int32)
    maker.add("value", "int-zeros", "integer zeros", {"w": np.zeros((6, 5), np.int32)})
    maker.add("value", "int-one-value", "one integer everywhere", {"w": np.full((6, 5), 77, np.int32)})
    maker.add("value", "int-ends", "the ends of int32 that have either sign", {"w": ends})
    maker.add("value", "int-least", "the least int32", {"w": least}, may_refuse="a magnitude of 2^31 may be refused")
    maker.add("value", "int-large", "large odd integers", {"w": integers("int-large", (9, 7), 1 - 2**31, 2**31 - 2) | 1})
    levels = np.array([-3.0, -1.0, 0.5, 2.0, 7.0], np.float32)[integers("levels", (80, 20), 0, 4)]
    for method in maker.known("codebook"):
        if method != "none":
            title = f"five values far apart, with codebook {method}"
            maker.add("value", f"five-codebook-{method}", title, {"w": levels}, options=maker.usual(codebook=method))
    maker.add("value", "int-powers", "powers of 2 as integers", {"w": np.array([1 << n for n in range(31)], np.int32)})


def _types(maker: _Maker) -> None:
    """Add a case for each type besides float32 and int32, and one of mixed types."""
    half = weights("half", (9, 7)).astype(np.float16)
    arrays: Tensors = {
        "float16": half,
        "float64": weights("double", (9, 7)).astype(np.float64),
        "int8": integers("int8", (9, 7)).astype(np.int8),
        "int16": integers("int16", (9, 7), -30000, 30000).astype(np.int16),
        "int64": integers("int64", (9, 7)).astype(np.int64),
    }
    for name, array in arrays.items():
        maker.add("type", name, f"a tensor of {name}", {"w": array}, may_refuse=f"{name} may be refused: streams hold float32 and int32")
    mixed = {"f": weights("mixed", (6, 5)), "i": integers("mixed", (6, 5)), "v": weights("mixed-vector", (9,))}
    maker.add("type", "mixed", "floats and integers in one model", mixed)


def _names(maker: _Maker) -> None:
    for name, names in NAMES.items():
        tensors = {one: weights(f"name-{name}-{number}", (4, 3 + number)) for number, one in enumerate(names)}
        maker.add("name", name, f"names of parameters: {name}", tensors)


def _counts(maker: _Maker) -> None:
    for count in COUNTS:
        tensors = {f"layer{number}.weight": weights(f"count-{number}", (3, 2 + number % 5)) for number in range(count)}
        maker.add("count", str(count), f"{count} parameters", tensors)


def _steps(maker: _Maker) -> None:
    """Add cases whose quantization steps are fractions of an octave, or far apart.

    Weights and vectors get steps of their own; those far apart are tried at each density.
    """
    if not (maker.known("qp") and maker.known("nonweight_qp")):
        return
    scale = 1 << DEFAULT_DENSITY
    for part in range(1, scale):
        tensors = {"weight": weights("fraction", (9, 8)), "vector": weights("fraction-vector", (20,))}
        options = maker.usual(rdo="0") | {"qp": str(-7 + part / scale), "nonweight_qp": str(-9 - part / scale)}
        name, title = f"fraction-{part}", f"steps {part} parts of {scale} into an octave"
        maker.add("step", name, title, tensors, options=options)
    for density in maker.known("qp_density") or ("",):
        asked = {"qp_density": density} if density else {}
        bound = 32
        far = {
            "finer": (0, -bound - 8, QP_DELTA_RANGE),
            "finest": (0, -bound, ""),
            "coarser": (-bound - 4, 4, QP_DELTA_RANGE),
        }
        for name, (weight, vector, may_refuse) in far.items():
            tensors = {
                "weight": weights(f"far-{name}", (8, 9), octave=weight + 5),
                "vector": weights(f"far-{name}-vector", (20,), octave=vector + 5),
            }
            options = maker.usual(rdo="0") | asked | {"qp": str(weight), "nonweight_qp": str(vector)}
            title = f"vectors {abs(vector - weight)} octaves {'finer' if vector < weight else 'coarser'} than weights"
            maker.add("step", f"{name}-density-{density}" if density else name, title, tensors, options=options, may_refuse=may_refuse)


def _scans(maker: _Maker) -> None:
    for order in maker.known("scan_order"):
        if order == "0":
            continue
        for shape in SCAN_SHAPES if order in ("1", "4") else SCAN_SHAPES[4:6]:
            name = _shape_name(shape)
            array = weights(f"scan-{name}", shape)
            maker.add(
                "scan",
                f"{order}-{name}",
                f"scan_order {order} asked for shape {shape}",
                {"w": array},
                options=maker.usual(scan_order=order),
            )


def _blocks(maker: _Maker) -> None:
    """Add cases whose tensors form a BLOCK: weights with bias, scales or batch norm.

    It adds none if the encoder has no option for blocks.
    """
    if not maker.known(BLOCKS):
        return
    vectors = {"weight.ls": "_scaling", "bn.beta": ".beta", "bn.gamma": ".gamma", "bn.mean": ".mean", "bn.var": ".var", "bias": ".bias"}
    norms = tuple(kind for kind in vectors if kind.startswith("bn."))
    kinds = {"bias": ("bias",), "scales": ("weight.ls",), "norms": norms, "all": tuple(vectors)}
    for name, chosen in kinds.items():
        for shape in ((12, 3, 3, 3), (10, 20)):
            names = {"weight": "conv", **{kind: f"conv{vectors[kind]}" for kind in chosen}}
            tensors = {
                one: np.abs(weights(f"block-{one}", shape if kind == "weight" else shape[:1])) + np.float32(0.5)
                if kind in ("bn.var", "weight.ls")
                else weights(f"block-{one}", shape if kind == "weight" else shape[:1])
                for kind, one in names.items()
            }
            blocks = {
                "block_identifier": dict.fromkeys(names.values(), "b0"),
                "parameter_type": {one: kind for kind, one in names.items()},
            }
            options = maker.usual() | {BLOCKS: "yes"}
            maker.add("block", f"{name}-{len(shape)}d", f"a block with {', '.join(chosen)}", tensors, options=options, blocks=blocks)


def _skipped_rows(maker: _Maker) -> None:
    """Add cases with rows of zeros to skip, in each scan order.

    Blocks cut the columns short. It adds none for an encoder without row skipping.
    """
    asked = {"row_skip": "on", "edition": SECOND_EDITION}
    if not maker.known("row_skip", "on"):
        return
    for order in maker.known("scan_order"):
        for dq in maker.known("dq") or ("",):
            options = maker.usual(**asked, scan_order=order, **({"dq": dq} if dq else {}))
            array = weights("skipped", (140, 70 if order in ("3", "4") else 21))
            array[1:130:3] = 0
            name, with_dq = f"scan-{order}{f'-dq-{dq}' if dq else ''}", " and dq" if dq == "on" else ""
            maker.add("skip", name, f"rows of zeros skipped with scan_order {order}{with_dq}", {"w": array}, options=options)


def _model(label: str, *, vectors: bool) -> Tensors:
    """Return a small model: a convolution, a matrix with rows of zeros, one value, and vectors."""
    dense = weights(f"{label}-dense", (130, 20))
    dense[3:40:4] = 0
    conv = weights(f"{label}-conv", (72, 3, 3, 3))
    conv[2:60:5] = 0
    tensors: Tensors = {
        "conv.weight": conv,
        "dense.weight": dense,
        "constant": np.full((80, 9), 0.25, np.float32),
        "indexes": integers(f"{label}-int", (80, 4)),
    }
    if vectors:
        tensors |= {"conv.bias": weights(f"{label}-bias", (72,), octave=-3), "scale": np.full((20,), 1.5, np.float32)}
    return tensors


def option_rows(values: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Return rows of options that together hold every possible pair of values.

    ``values`` gives the values of each option, the usual one first; a row is one value by option.
    Tools of the second edition are on in that edition only.
    """

    def allowed(row: dict[str, str]) -> bool:
        return row.get("edition", SECOND_EDITION) == SECOND_EDITION or all(row.get(tool, OFF) == OFF for tool in TOOLS)

    def pairs(row: Mapping[str, str]) -> set[tuple[tuple[str, str], ...]]:
        if len(row) == 1:
            return {tuple(row.items())}
        return {((one, row[one]), (other, row[other])) for one, other in combinations(sorted(row), 2)}

    usual = {name: known[0] for name, known in values.items()}
    numbers = Numbers(DEFAULT_SEED, f"encoder-options/{','.join(values)}")
    candidates = {"usual": usual} if allowed(usual) else {}
    for one, other in combinations(values, 2):
        for first in values[one]:
            for second in values[other]:
                label = f"{one}={first},{other}={second}"
                row = {name: known[int(numbers.integers(f"{label}/{name}", 1, 0, len(known) - 1)[0])] for name, known in values.items()}
                row |= {one: first, other: second}
                if not allowed(row) and "edition" not in (one, other):
                    row["edition"] = SECOND_EDITION
                if not allowed(row) and row["edition"] != SECOND_EDITION:
                    row |= {tool: OFF for tool in TOOLS if tool in row and tool not in (one, other)}
                if allowed(row):
                    candidates[label] = row
    if len(values) == 1:
        name, known = next(iter(values.items()))
        candidates = {value: {name: value} for value in known}
    goals = {name: pairs(row) for name, row in candidates.items()}
    wanted = set().union(*goals.values()) if goals else set()
    return [candidates[name] for name in plan(wanted, goals)]


def option_values(encoder: EncoderSpec, *, updates: bool) -> dict[str, tuple[str, ...]]:
    """Return the values that an encoder can be asked for, by our option names.

    Args:
        encoder: The encoder's description.
        updates: Whether sessions of updates are meant, not whole models; these have more options.
    """
    asked = {name: known_values(encoder, name) for name, option in ASKED.items() if name != BLOCKS and (updates or not option.update)}
    if updates and SECOND_EDITION in asked.get("edition", ()):
        asked["edition"] = (SECOND_EDITION,)
    return {name: known for name, known in asked.items() if known}


def _options(maker: _Maker) -> None:
    """Add cases that combine the encoder's options, one for each row of values."""
    values = option_values(maker.encoder, updates=False)
    for number, row in enumerate(option_rows(values) if values else []):
        tensors = _model("options", vectors=row.get("scan_order", "0") == "0")
        maker.add("options", f"{number:02}", _row_title(row), tensors, options=row)


def _row_title(row: Mapping[str, str]) -> str:
    asked = in_encoder_words(row)
    return "options " + ", ".join(f"{name} {value}" for name, value in sorted(asked.items()))


def _changed(tensors: Tensors, label: str, *, share: int = 3) -> Tensors:
    """Return a model after some training: one value of ``share`` moved by a few steps."""
    after: Tensors = {}
    for name, array in tensors.items():
        moved = Numbers(DEFAULT_SEED, f"encoder-case/{label}/{name}")
        chosen = moved.integers("chosen", array.size, 1, share).reshape(array.shape) == 1
        if array.dtype == np.int32:
            after[name] = array + np.where(chosen, integers(f"{label}-{name}", array.shape, -3, 3), np.int32(0)).astype(np.int32)
        else:
            after[name] = (array + np.where(chosen, weights(f"{label}-{name}", array.shape, octave=-3), np.float32(0))).astype(np.float32)
    return after


def _updates(maker: _Maker) -> None:
    """Add sessions of a model and its updates, if the encoder makes any."""
    if not maker.encoder.updates:
        return
    edition = {"edition": SECOND_EDITION} if maker.known("edition", SECOND_EDITION) else {}
    usual = maker.usual() | edition
    base = {"w": weights("base", (12, 9)), "v": weights("base-vector", (9,))}
    once, twice = _changed(base, "once"), _changed(_changed(base, "once"), "twice")
    lone = {name: array.copy() for name, array in base.items()}
    lone["w"][5, 3] += np.float32(0.5)
    sessions: dict[str, tuple[str, tuple[Tensors, ...]]] = {
        "few": ("some values change", (base, once)),
        "twice": ("two updates", (base, once, twice)),
        "lone": ("one value changes", (base, lone)),
        "same": ("nothing changes", (base, base)),
        "back": ("a change, and back", (base, once, base)),
        "all": ("every value changes", (base, {name: array + weights(f"all-{name}", array.shape) for name, array in base.items()})),
        "ints": ("integers change", ({"i": integers("up", (7, 6))}, {"i": integers("up", (7, 6)) + integers("by", (7, 6), -5, 5)})),
        "new": ("a new tensor", (base, {**once, "n": weights("new", (5, 4))})),
        "one-value": ("all values change by the same", (base, {name: array + np.float32(0.25) for name, array in base.items()})),
    }
    for name, (title, inputs) in sessions.items():
        maker.add("update", name, title, *inputs, options=usual)
    for tool in ("row_skip", "tca", "hdsp", "pre"):
        if maker.known(tool, ON):
            maker.add(
                "update", f"tool-{tool.replace('_', '-')}", f"two updates, with {tool}", base, once, twice, options=usual | {tool: ON}
            )
    for method in maker.known("codebook"):
        if method == "none":
            continue
        codebook = usual | {"codebook": method}
        constant = {"w": weights("constant", (12, 9))}
        by_one = {"w": constant["w"] + np.float32(0.25)}
        title = f"all values change by the same, with codebook {method}"
        maker.add("update", f"one-value-codebook-{method}", title, constant, by_one, options=codebook)
        maker.add("update", f"codebook-{method}", f"some values change, with codebook {method}", base, once, options=codebook)
    values = option_values(maker.encoder, updates=True)
    first = {name: array for name, array in _model("session", vectors=False).items() if name != "constant"}
    second = _changed(first, "session")
    second["dense.weight"][4:60:2] = first["dense.weight"][4:60:2]
    second["conv.weight"][1:60:3] = first["conv.weight"][1:60:3]
    for number, row in enumerate(option_rows(values) if values else []):
        maker.add("update-options", f"{number:02}", _row_title(row), first, second, options=row)
