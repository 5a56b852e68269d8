"""The tools of clause 8 on arrays, held to the mathematics that each rests on."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nnc_conformance.reference.errors import ModelError
from nnc_conformance.reference.reduction.batch_norm import affine
from nnc_conformance.reference.reduction.blocks import BlockSizes
from nnc_conformance.reference.reduction.displacement import diagonal_sums_adjoint, displacement, fit_generators, fit_to, mean_square_error
from nnc_conformance.reference.reduction.local_scaling import least_squares_factors
from nnc_conformance.reference.reduction.low_rank import truncated
from nnc_conformance.reference.reduction.micro_structured import pruned_blocks
from nnc_conformance.reference.reduction.network import Decomposition, DecompositionForm, diagonal_sums
from nnc_conformance.reference.reduction.pruning import Criterion, kept_channels, stationary_distribution, thresholds
from nnc_conformance.reference.reduction.sparsification import below_to_zero, compressibility, non_zero_ratio, threshold_for
from nnc_conformance.reference.reduction.unification import unified, unified_groups

SMALL = st.floats(-8, 8, width=32, allow_subnormal=False)
MATRICES = hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=9), elements=SMALL)
TENSORS = hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=7), elements=SMALL)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


# 8.2.1


@given(TENSORS, st.floats(0.01, 100))
def test_compressibility_knows_no_scale_and_lies_between_1_and_the_root_of_the_count(array, scale):
    assume(np.abs(array).max() > 1e-3)
    value = compressibility(array)
    assert compressibility(array.astype(np.float64) * scale) == pytest.approx(value)
    assert 1 - 1e-9 <= value <= np.sqrt(np.count_nonzero(array)) + 1e-9


def test_compressibility_of_equal_magnitudes_is_the_root_of_the_number_of_non_zeros():
    array = np.zeros((10, 10), np.float32)
    array.flat[:49] = np.where(np.arange(49) % 2, 0.3, -0.3)
    assert compressibility(array) == pytest.approx(7)
    assert compressibility(np.zeros(3)) == 0


@given(st.lists(TENSORS, min_size=1, max_size=3), st.floats(0, 0.99))
def test_a_threshold_makes_the_wanted_share_zero(arrays, share):
    magnitudes = np.concatenate([np.abs(array).reshape(-1) for array in arrays])
    threshold = threshold_for(arrays, share)
    below = np.count_nonzero(magnitudes < np.float32(threshold))
    assert below <= round(share * magnitudes.size) <= np.count_nonzero(magnitudes <= np.float32(threshold))
    for array in arrays:
        result = below_to_zero(array, threshold)
        kept = np.abs(array) >= np.float32(threshold)
        assert np.array_equal(result[kept], array[kept])
        assert not result[~kept].any()


def test_the_non_zero_ratio_counts_over_all_arrays():
    assert non_zero_ratio([np.array([0, 1]), np.array([[2, 0], [3, 4], [0, 0]])]) == pytest.approx(4 / 8)
    assert non_zero_ratio([]) == 0


# 8.2.2


def test_the_blocks_of_the_least_mean_magnitude_become_zero_in_each_super_block():
    array = np.arange(1, 65, dtype=np.float32).reshape(8, 8)
    array[:, 4:] *= -100
    result, greatest = pruned_blocks(array, BlockSizes((8, 4), (2, 2)), 0.25)
    expected = array.copy()
    expected[:2, :4] = 0  # of the eight blocks of a super-block, the two in its first two rows
    expected[:2, 4:] = 0
    assert np.array_equal(result, expected)
    assert greatest == np.mean(np.abs(array[:2, 6:]))


@given(TENSORS, st.floats(0, 0.95), st.sampled_from([((4, 4), (2, 2)), ((64, 64), (1, 4)), ((6, 4), (3, 1))]))
def test_pruned_blocks_are_whole_and_lose_least(array, ratio, sizes):
    array = np.where(array == 0, np.float32(0.5), array)
    structure = BlockSizes(*sizes)
    result, greatest = pruned_blocks(array, structure, ratio)
    before, after = (a.reshape(a.shape[0], -1) for a in (array, result))
    for top in range(0, before.shape[0], structure.super_block[0]):
        for left in range(0, before.shape[1], structure.super_block[1]):
            losses = {True: [], False: []}
            for i in range(top, min(top + structure.super_block[0], before.shape[0]), structure.block[0]):
                for j in range(left, min(left + structure.super_block[1], before.shape[1]), structure.block[1]):
                    rows = slice(i, min(i + structure.block[0], top + structure.super_block[0]))
                    block, kept = (a[rows, j : min(j + structure.block[1], left + structure.super_block[1])] for a in (before, after))
                    gone = not kept.any()
                    assert gone or np.array_equal(kept, block)
                    losses[gone].append(np.abs(block.astype(np.float64)).mean())
            assert len(losses[True]) == int(ratio * (len(losses[True]) + len(losses[False])))
            assert max(losses[True], default=0) <= min(losses[False], default=np.inf) + 1e-12
            assert max(losses[True], default=0) <= greatest + 1e-12


def test_super_blocks_are_made_of_blocks():
    with pytest.raises(ModelError, match=r"\(8, 6\) cannot be divided into blocks of \(2, 4\)"):
        BlockSizes((8, 6), (2, 4))


# 8.2.3


@pytest.mark.parametrize(("criterion", "order"), [(Criterion.L1, 1), (Criterion.L2, 2)])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_channels_of_the_least_norm_go(criterion, order, axis):
    weight = normal(12, 10, 3, 3)
    norms = np.linalg.norm(np.moveaxis(weight.astype(np.float64), axis, 0).reshape(weight.shape[axis], -1), ord=order, axis=1)
    kept = kept_channels(weight, axis, 0.35, criterion)
    assert kept.tolist() == sorted(np.argsort(norms)[int(0.35 * norms.size) :].tolist())


def test_a_diffusion_leaves_the_stationary_distribution_as_it_is():
    rows = normal(7, 20)
    edges = np.abs(rows.astype(np.float64)) @ np.abs(rows.astype(np.float64)).T
    walk = edges / edges.sum(axis=1, keepdims=True)
    distribution = stationary_distribution(rows)
    assert distribution.sum() == pytest.approx(1)
    np.testing.assert_allclose(distribution @ walk, distribution, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.matrix_power(walk, 200)[3], distribution, rtol=1e-9)
    assert not stationary_distribution(np.zeros((3, 4))).any()


def test_thresholds_are_one_multiple_of_the_deviations_and_reach_the_share():
    arrays = {"a": normal(40, 50, seed=1) * 3, "b": normal(30, 30, seed=2) * np.float32(0.01)}
    found = thresholds(arrays, 0.6)
    assert found["a"] / arrays["a"].astype(np.float64).std() == pytest.approx(found["b"] / arrays["b"].astype(np.float64).std())
    zeros = sum(np.count_nonzero(np.abs(arrays[name]) < found[name]) for name in arrays)
    assert zeros == pytest.approx(0.6 * 2900, abs=2)


# 8.2.4


@given(TENSORS, st.floats(0, 4), st.sampled_from([(1, 1), (2, 2), (3, 2), (1, 8)]))
def test_unification_keeps_signs_and_block_means(array, threshold, block):
    groups = unified_groups(array, block, threshold)
    result = unified(array, groups)
    assert np.array_equal(np.sign(result), np.sign(array))
    assert np.array_equal(result[groups < 0], array[groups < 0])
    for number in np.unique(groups[groups >= 0]):
        members, magnitudes = np.abs(result[groups == number]), np.abs(array[groups == number].astype(np.float64))
        assert np.unique(members).size == 1
        assert members[0] == pytest.approx(magnitudes.mean(), rel=1e-6)
        assert np.abs(magnitudes - magnitudes.mean()).mean() <= threshold + 1e-9


def test_blocks_up_to_the_threshold_are_unified_and_zeros_do_not_count():
    array = np.array([[1.0, -1.2, 5, 9], [0.8, 0.0, -5, 5]], np.float32)
    assert unified_groups(array, (2, 2), 0.2).tolist() == [[0, 0, -1, -1], [0, -1, -1, -1]]
    np.testing.assert_allclose(unified(array, unified_groups(array, (2, 2), 0.2)), [[1, -1, 5, 9], [1, 0, -5, 5]])
    np.testing.assert_allclose(unified(array, unified_groups(array, (2, 2), 2)), [[1, -1, 6, 6], [1, 0, -6, 6]])


# 8.2.5


@given(MATRICES, st.floats(0, 4))
def test_the_rank_is_the_least_within_the_threshold_and_the_error_that_of_eckart_and_young(weight, threshold):
    singular = np.linalg.svd(weight.astype(np.float64), compute_uv=False)
    errors = [np.sum(singular[rank:] ** 2) / weight.size for rank in range(singular.size + 1)]
    assume(all(abs(error - threshold) > 1e-6 for error in errors))
    least = max(next(rank for rank, error in enumerate(errors) if error <= threshold), 1)
    found = truncated(weight, threshold)
    if least * sum(weight.shape) >= weight.size:
        assert found is None
        return
    g, h = found
    assert (g.shape, h.shape) == ((weight.shape[0], least), (least, weight.shape[1]))
    error = np.mean((g.astype(np.float64) @ h.astype(np.float64) - weight) ** 2)
    assert error == pytest.approx(errors[least], rel=1e-4, abs=1e-9)


def test_no_other_factors_of_the_rank_are_nearer():
    weight, rng = normal(12, 20), np.random.default_rng(5)
    g, h = truncated(weight, float(np.mean(weight**2)) / 3)
    error = np.mean((g @ h - weight) ** 2)
    for _ in range(20):
        other = (g + rng.normal(0, 0.05, g.shape)) @ (h + rng.normal(0, 0.05, h.shape))
        assert np.mean((other - weight) ** 2) > error


@given(MATRICES)
def test_sums_along_diagonals_undo_the_displacement(matrix):
    matrix = matrix.astype(np.float64)
    np.testing.assert_allclose(diagonal_sums(displacement(matrix)), matrix, atol=1e-12)
    np.testing.assert_allclose(displacement(diagonal_sums(matrix)), matrix, atol=1e-12)
    other = np.random.default_rng(1).normal(size=matrix.shape)
    assert np.vdot(diagonal_sums(matrix), other) == pytest.approx(np.vdot(matrix, diagonal_sums_adjoint(other)), abs=1e-9)


@pytest.mark.parametrize("shape", [(8, 8), (6, 15), (15, 6), (2, 9)])
def test_a_toeplitz_matrix_has_a_displacement_of_rank_2_and_is_found(shape):
    rows, columns = shape
    diagonals = np.random.default_rng(3).normal(size=rows + columns - 1)
    toeplitz = diagonals[np.arange(rows)[:, None] - np.arange(columns) + columns - 1]
    assert np.linalg.matrix_rank(displacement(toeplitz)) <= 2
    assert np.linalg.matrix_rank(toeplitz) == min(shape)
    g, h = fit_generators(toeplitz, 2)
    np.testing.assert_allclose(diagonal_sums(g @ h), toeplitz, atol=1e-6)
    if 2 * (rows + columns) < rows * columns:
        g, h = fit_to(toeplitz.astype(np.float32), 1e-10)
        assert g.shape == (rows, 2)
        whole = Decomposition(DecompositionForm.DISPLACEMENT, (rows, 1, columns), rows).whole(g, h)
        np.testing.assert_allclose(whole.reshape(shape), toeplitz, atol=1e-4)


def test_fitted_generators_are_nearer_than_the_truncated_displacement_and_ranks_bring_nearer():
    weight = normal(16, 24)
    errors = []
    for rank in (1, 3, 6, 9):
        u, s, v = np.linalg.svd(displacement(weight.astype(np.float64)), full_matrices=False)
        errors.append(mean_square_error(weight, *fit_generators(weight, rank)))
        assert errors[-1] < mean_square_error(weight, u[:, :rank] * s[:rank], v[:rank])
    assert errors == sorted(errors, reverse=True)
    assert fit_to(weight, 1e-12) is None


# 8.2.6


def test_alpha_and_delta_do_what_a_batch_norm_does():
    rng = np.random.default_rng(2)
    gamma, beta, mean, bias = rng.normal(size=(4, 5))
    variance, x = rng.uniform(0.1, 3, 5), rng.normal(size=(100, 5))
    alpha, delta = affine(gamma, beta, mean, variance, 1e-3, bias)
    np.testing.assert_allclose(alpha * x + delta, gamma * (x + bias - mean) / np.sqrt(variance + 1e-3) + beta, rtol=1e-9)


# 8.2.7


@given(TENSORS, st.integers(0, 2**32 - 1))
def test_no_other_factor_brings_a_row_nearer(original, seed):
    rng = np.random.default_rng(seed)
    quantized = (original + rng.normal(0, 0.5, original.shape)).astype(np.float32)
    quantized[0] = 0
    factors = least_squares_factors(original, quantized)
    assert factors[0] == 1

    def distances(scales):
        difference = original - quantized * scales.reshape(-1, *(1,) * (original.ndim - 1))
        return np.sum(difference**2, axis=tuple(range(1, original.ndim)))

    for other in (factors * 1.01, factors * 0.99, factors + 0.1, np.ones_like(factors)):
        assert (distances(factors) <= distances(other) + 1e-9).all()
    residual = original - quantized * factors.reshape(-1, *(1,) * (original.ndim - 1))
    np.testing.assert_allclose(np.sum(residual * quantized, axis=tuple(range(1, original.ndim))), 0, atol=1e-6)
