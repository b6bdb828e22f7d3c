import numpy as np
import pytest
import zarr

from visalign.errors import InputError
from visalign.gram import matrix


def test_gram_blocks_add_up_and_give_back_the_unshifted_gram():
    X = np.random.default_rng(5).standard_normal((30, 50)) + 3
    parts = matrix.gram([X[:, :20], X[:, 20:]], np.float64)
    centred = X - X.mean(axis=0)
    np.testing.assert_allclose(parts["K"], centred @ centred.T, atol=1e-10)
    back = parts["K"] + parts["row_dot_mean"] + parts["row_dot_mean"][:, None] - parts["mean_dot_mean"]
    np.testing.assert_allclose(back, X @ X.T, atol=1e-9)
    np.testing.assert_allclose(parts["row_sum"], X.sum(axis=1), atol=1e-10)
    assert parts["n_features"] == 50


@pytest.mark.parametrize(("stored", "offset"), [(np.float32, 0), (np.float32, 300), (np.float16, 0)])
def test_float32_products_equal_float64_products_to_their_precision(stored, offset):
    X = (np.random.default_rng(6).standard_normal((30, 500)) + offset).astype(stored)
    single, double = (matrix.gram([X[:, :200], X[:, 200:]], dtype) for dtype in (np.float32, np.float64))
    for name in double:
        np.testing.assert_allclose(single[name], double[name], rtol=1e-5, atol=1e-5 * 500)


def test_features_that_do_not_depend_on_the_stimulus_have_a_gram_of_zero():
    assert not matrix.gram([np.full((40, 8), 0.1, np.float32)])["K"].any()


@pytest.mark.parametrize("shape", [(6, 10), (6, 10, 3, 2)])
def test_blocks_are_all_features_in_order_in_whole_chunks(shape):
    X = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    array = zarr.create_array({}, data=X, chunks=(2, 4, *shape[2:]))
    blocks = list(matrix.blocks(array, block_bytes=1))
    assert [block.shape[1] for block in blocks] == [columns * np.prod(shape[2:]) for columns in (4, 4, 2)]
    assert np.array_equal(np.concatenate(blocks, axis=1), X.reshape(6, -1))
    assert len(list(matrix.blocks(array))) == 1


def test_no_features_are_an_error():
    with pytest.raises(InputError, match="no features"):
        matrix.gram([])


def test_the_rounding_of_products_is_within_its_bound():
    rng = np.random.default_rng(7)
    for scale in (np.ones(500), np.geomspace(1, 0.05, 500)):
        X = (rng.standard_normal((60, 500)) * scale).astype(np.float32)
        single, double = (matrix.gram([X[:, :200], X[:, 200:]], t) for t in (np.float32, np.float64))
        error = np.linalg.norm(single["K"] - double["K"], 2)
        assert 0 < error < single["rounding"] < 100 * error
        assert double["rounding"] == 0


@pytest.mark.parametrize("axis", [0, 1])
def test_products_of_uneven_features_are_in_float64(axis):
    X = np.random.default_rng(8).standard_normal((60, 200)).astype(np.float32)
    np.moveaxis(X, axis, 0)[3] *= 1e4
    single, double = (matrix.gram([X], dtype) for dtype in (np.float32, np.float64))
    assert single["rounding"] == 0
    assert all(np.array_equal(single[name], double[name]) for name in double)


def test_features_that_do_not_vary_make_the_others_no_larger():
    X = np.random.default_rng(9).standard_normal((60, 200))
    X[:, :150] = 0
    assert not matrix.uneven(X)


@pytest.mark.parametrize("shape", [(7, 5), (3, 400_000), (1, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_squares_of_float32_are_summed_in_float64(shape, dtype):
    X = (1e-30 * np.random.default_rng(10).standard_normal(shape)).astype(dtype)
    expected = X.astype(np.float64) ** 2
    for found, axis in zip(matrix.squares(X), (0, 1), strict=True):
        assert found.all()
        np.testing.assert_allclose(found, expected.sum(axis=axis), rtol=1e-13)


def test_features_of_a_caller_are_left_as_they_are():
    X = np.random.default_rng(11).standard_normal((20, 30)).astype(np.float32)
    before = X.copy()
    matrix.gram([X[:, :10], X[:, 10:]])
    np.testing.assert_array_equal(X, before)


def test_features_in_float16_have_the_gram_of_the_same_in_float32():
    X = np.random.default_rng(12).standard_normal((30, 9000)).astype(np.float16) + np.float16(2)
    stored, wide = (matrix.gram([x[:, :4500], x[:, 4500:]]) for x in (X, X.astype(np.float32)))
    for name, value in wide.items():
        np.testing.assert_array_equal(stored[name], value)
