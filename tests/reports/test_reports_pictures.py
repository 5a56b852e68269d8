"""Drawings: grid and histogram of a difference against counting element by element.

Positions of layer errors.
"""

import sys

import numpy as np
from helpers.report_documents import ACCURACY, answer, case, document, layers
from hypothesis import example, given
from hypothesis import strategies as st

from nnc_conformance.reports.drawings.networks import DriftPlot, drift_plot
from nnc_conformance.reports.results import loaded
from nnc_conformance.reports.summary import build_report
from nnc_conformance.suites.judging.compare import GRID, compare_tensor


@given(
    st.one_of(
        st.tuples(),
        st.tuples(st.integers(1, 200)),
        st.tuples(st.integers(1, 60), st.integers(1, 60)),
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)),
    ),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["<i4", "<u8", "<f4", "<f8"]),
)
def test_the_picture_counts_every_element_once(shape, seed, kind) -> None:
    random = np.random.default_rng(seed)
    expected = np.asarray(random.integers(-100, 100, shape)).astype(kind)
    actual = expected.copy()
    mask = random.random(shape) < 0.3
    actual[mask] += np.asarray(random.integers(1, 1 << 30, shape))[mask].astype(kind)
    if kind == "<f4" and mask.any():
        actual.reshape(-1)[int(np.flatnonzero(mask)[0])] = np.nan
    found = compare_tensor("w", expected, actual)
    differs = np.atleast_1d(expected.view(f"u{expected.itemsize}") != actual.view(f"u{expected.itemsize}"))
    if not differs.any():
        assert found is None
        return
    picture = found.picture
    matrix = differs.reshape(len(differs), -1) if differs.ndim > 1 else differs.reshape(1, -1)
    rows, columns = (min(most, length) for most, length in zip(GRID, matrix.shape, strict=True))
    assert (len(picture.grid), len(picture.grid[0])) == (rows, columns)
    for row in range(rows):
        for column in range(columns):
            area = matrix[
                row * matrix.shape[0] // rows : (row + 1) * matrix.shape[0] // rows,
                column * matrix.shape[1] // columns : (column + 1) * matrix.shape[1] // columns,
            ]
            share = np.count_nonzero(area) / area.size
            digit = int(picture.grid[row][column])
            assert (digit == 0) == (share == 0)
            assert digit - 1 < 9 * share <= digit or digit == 0
    assert sum(picture.distances) + picture.without_distance == found.count
    assert picture.without_distance == np.count_nonzero(np.isnan(actual.astype(float)))


def test_distances_are_binned_by_their_length_in_bits() -> None:
    expected = np.zeros(6, "<i8")
    actual = np.array([0, 1, 2, 3, 4, 1 << 62], "<i8")
    picture = compare_tensor("w", expected, actual).picture
    assert picture.distances == (0, 1, 2, 1, *([0] * 59), 1)
    assert picture.grid == ("099999",)


def plot_of(**rows):
    """Draw one network; decoders are sorted by name."""
    cases = [case("net", name, accuracy=own) for name, own in rows.items()]
    (measured,) = build_report([loaded("r", document(*cases))]).measured
    return drift_plot(measured)


MIDDLE = (DriftPlot.TOP + DriftPlot.BOTTOM) / 2
RIGHT_END = DriftPlot.LEFT + DriftPlot.WIDTH


def test_layers_stand_on_a_logarithmic_scale_from_left_to_right() -> None:
    """The errors range from 0.01 to 1, two powers of ten, so that 0.1 is in the middle and 0 below
    the scale.
    """
    plot = plot_of(alpha=ACCURACY)
    across = (DriftPlot.LEFT, (DriftPlot.LEFT + RIGHT_END) / 2, RIGHT_END)
    assert plot.reference.points == tuple(zip(across, (DriftPlot.ZERO, DriftPlot.BOTTOM, MIDDLE), strict=True))
    (line,) = plot.decoded
    assert [x for x, _ in line.points] == list(across)
    assert [y for _, y in line.points[:2]] == [DriftPlot.ZERO, DriftPlot.TOP]
    # log10(0.5) is -0.30103
    assert abs(line.points[2][1] - (DriftPlot.TOP + (DriftPlot.BOTTOM - DriftPlot.TOP) * 0.30103 / 2)) < 0.06
    assert line.first == across[1]
    assert plot.ticks == ((DriftPlot.BOTTOM, "0.01"), (MIDDLE, "0.1"), (DriftPlot.TOP, "1"), (DriftPlot.ZERO, "0"))


def test_only_what_drifts_has_a_line_of_its_own() -> None:
    right = (*ACCURACY[:2], ACCURACY[1].model_copy(update={"parameters": "decoded"}))
    plot = plot_of(alpha=right, beta=ACCURACY, gamma=right, omega=ACCURACY)
    assert [None if line is None else line.number for line in plot.decoded] == [None, 0, None, 1]


def test_errors_that_are_not_finite_stand_above_all_others() -> None:
    broken = (*ACCURACY[:2], answer("decoded", layers=layers(flatten=0.0, gemm=None, relu=None), first_drift="gemm"))
    plot = plot_of(alpha=broken)
    height = next(y for y, label in plot.ticks if label == "not finite")
    assert height < DriftPlot.TOP
    assert [y for _, y in plot.decoded[0].points] == [DriftPlot.ZERO, height, height]


def test_a_node_that_a_decoder_does_not_have_leaves_a_gap() -> None:
    """A decoder's own graph may lack a node; the line goes on behind it."""
    shorter = (*ACCURACY[:2], answer("decoded", layers=layers(flatten=0.0, relu=1.0), first_drift="relu"))
    plot = plot_of(alpha=shorter)
    assert [x for x, _ in plot.decoded[0].points] == [DriftPlot.LEFT, RIGHT_END]
    assert plot.decoded[0].path.count("M") == 2
    assert "L" not in plot.decoded[0].path


@example([5e-324, sys.float_info.max])
@given(st.lists(st.one_of(st.none(), st.just(0.0), st.floats(5e-324, sys.float_info.max)), min_size=1, max_size=40))
def test_any_errors_have_a_place_in_their_order(errors) -> None:
    named = layers(**{f"n{number}": error for number, error in enumerate(errors)})
    plot = plot_of(alpha=(answer("reference", layers=named), answer("decoded", layers=named, first_drift="n0")))
    heights = [y for _, y in plot.decoded[0].points]
    size = [float("inf") if error is None else error for error in errors]
    assert all(0 <= y <= DriftPlot.ZERO for y in heights)
    assert all((a <= b) or (y <= z) for a, y in zip(size, heights, strict=True) for b, z in zip(size, heights, strict=True))
    assert len(plot.ticks) <= 8


def test_without_layers_there_is_no_plot() -> None:
    assert plot_of(alpha=(answer("original"), answer("reference"), answer("decoded"))) is None
