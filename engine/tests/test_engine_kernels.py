"""The C that steps are made of: functions against float64, products against numpy, special values by name."""

import ctypes
import math
import shutil
import subprocess
from importlib.resources import files

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra_engine.cpu.cache import load
from recurra_engine.cpu.compiler import FLAGS

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="needs a C compiler"
)

KERNELS = files("recurra_engine.cpu").joinpath("kernels.h").read_text("utf-8")
FUNCTIONS = ("exp", "expm1", "tanh", "sigmoid", "log", "log1p", "softplus", "sqrt", "erf")
LOOP = """void v_{0}(long n, const real *restrict x, real *restrict y) {{
    for (long i = 0; i < n; i++) y[i] = r_{0}(x[i]);
}}"""
HARNESS = """
void v_pow(long n, const real *restrict x, const real *restrict y, real *restrict z) {
    for (long i = 0; i < n; i++) z[i] = r_pow(x[i], y[i]);
}
void v_gates(long n, const real *restrict a, const real *restrict b, real *restrict y) {
    for (long i = 0; i < n; i++) y[i] = r_tanh(a[i]) * r_sigmoid(b[i]);
}
long v_size(long K, long N) { return packed_size(K, N); }
void v_pack(const real *W, long K, long N, long k, long n, real *out) { pack(W, K, N, k, n, out); }
void v_gemm(long rows, long K, long N, const real *A, long lda, const real *W, real *C, long ldc, int more) {
    gemm(rows, K, N, A, lda, W, C, ldc, more);
}
void v_gemm_known(long rows, const real *A, const real *W, real *C) {
    gemm(rows, 24, 40, A, 24, W, C, 40, 0);
}
"""


def source(single):
    loops = "\n".join(LOOP.format(name) for name in FUNCTIONS)
    return f"#define REAL_IS_FLOAT {int(single)}\n{KERNELS}\n{loops}\n{HARNESS}"


class Compiled:
    """The harness in one precision, called with numpy arrays."""

    def __init__(self, library, dtype):
        self.library, self.dtype = library, np.dtype(dtype)
        self.library.v_size.restype = ctypes.c_long

    def call(self, name, *values):
        known = {int: ctypes.c_long, bool: ctypes.c_int, np.ndarray: lambda x: ctypes.c_void_p(x.ctypes.data)}
        return getattr(self.library, f"v_{name}")(*(known[type(value)](value) for value in values))

    def __call__(self, name, *arrays):
        arrays = [np.ascontiguousarray(x, self.dtype) for x in arrays]
        out = np.empty_like(arrays[0])
        self.call(name, out.size, *arrays, out)
        return out

    def packed(self, W):
        """W packed, after a look that `pack` wrote as many numbers as `packed_size` says."""
        size = self.call("size", *map(int, W.shape))
        out = np.full(size + 1, 7, self.dtype)
        self.call("pack", W, *map(int, W.shape), *(s // self.dtype.itemsize for s in W.strides), out)
        assert out[-1] == 7
        assert size == 0 or W.size == 0 or out[-2] != 7
        return out[:-1]

    def product(self, A, W, C=None):
        """A W by `gemm`, added to C where one is given."""
        out = np.full((len(A), W.shape[1]), np.nan, self.dtype) if C is None else C.copy()
        lda, ldc = (x.strides[0] // self.dtype.itemsize for x in (A, out))
        self.call("gemm", len(A), *map(int, W.shape), A, lda, self.packed(W), out, ldc, C is not None)
        return out


@pytest.fixture(scope="module", params=[np.float32, np.float64], ids=["float", "double"])
def c(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECURRA_CACHE", str(tmp_path_factory.mktemp("cache")))
        return Compiled(load(source(request.param is np.float32), name="kernels"), request.param)


def exact(name, x):
    """The function in float64."""
    with np.errstate(all="ignore"):
        if name == "erf":
            return torch.erf(torch.from_numpy(x)).numpy()
        if name == "sigmoid":
            e = np.exp(-np.abs(x))
            return np.where(x >= 0, 1.0, e) / (1.0 + e)
        if name == "softplus":
            return np.where(x > 20, x, np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))
        return getattr(np, name)(x)


def close(got, want, relative):
    """Within `relative` of a float64, or one step among the subnormal; NaN and infinities as they are."""
    with np.errstate(all="ignore"):
        rounded = want.astype(got.dtype)
        step = np.finfo(got.dtype).smallest_subnormal
        near = np.abs(got.astype(np.float64) - want) <= np.maximum(relative * np.abs(want), 1.01 * step)
    whole = ~np.isfinite(rounded)
    return np.where(whole, (got == rounded) | (np.isnan(got) & np.isnan(rounded)), near)


TOLERANCE = {np.dtype(np.float32): 2e-7, np.dtype(np.float64): 1e-15}
EVERY_10007TH = np.arange(0, 2**32, 10007, dtype=np.uint64).astype(np.uint32).view(np.float32)
EVERY_10007TH[np.isnan(EVERY_10007TH)] = np.nan  # numpy complains of signalling ones


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_right_over_all_floats(c, name):
    want = exact(name, EVERY_10007TH.astype(np.float64))
    good = close(c(name, EVERY_10007TH), want, TOLERANCE[c.dtype])
    assert good.all(), (EVERY_10007TH[~good][:5], want[~good][:5])


@pytest.mark.parametrize("name", ["tanh", "expm1", "log1p", "sigmoid", "softplus"])
def test_a_function_is_right_where_it_is_used(c, name):
    x = np.concatenate(
        [np.linspace(-12, 12, 100_001), np.geomspace(1e-30, 1e-2, 5001), -np.geomspace(1e-30, 1e-2, 5001)]
    )
    x = x.astype(np.float32).astype(np.float64)
    assert close(c(name, x), exact(name, x), TOLERANCE[c.dtype]).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_values_are_torchs(c, name):
    x = torch.tensor([math.nan, math.inf, -math.inf, 0.0, -0.0, -1.0, 1.0], dtype=torch.float64)
    function = getattr(torch, name, None) or getattr(torch.nn.functional, name)
    got, want = c(name, x.numpy()), function(x).numpy()
    np.testing.assert_allclose(got, want, rtol=TOLERANCE[c.dtype])
    np.testing.assert_array_equal(np.signbit(got[~np.isnan(got)]), np.signbit(want[~np.isnan(want)]))


@pytest.mark.parametrize("c", [np.float32], indirect=True, ids=["float"])
def test_exp_overflows_and_underflows_where_float_does(c):
    limits = np.array(
        [88.72283, 88.72284, 89, 1e30, -87.33654, -103.97207, -103.9722, -104, -1e30], np.float32
    )
    with np.errstate(all="ignore"):
        want = exact("exp", limits.astype(np.float64)).astype(np.float32)
    assert np.isinf(want).tolist() == [False, True, True, True, False, False, False, False, False]
    assert (want == 0).tolist() == [False, False, False, False, False, False, True, True, True]
    assert close(c("exp", limits), want.astype(np.float64), 2e-7).all()


def test_tanh_is_odd_and_stays_within_one(c):
    y = c("tanh", EVERY_10007TH)
    mirrored = c("tanh", -EVERY_10007TH)
    real = ~np.isnan(y)
    np.testing.assert_array_equal(mirrored[real], -y[real])
    assert np.abs(y[real]).max() == 1


ODD_ONES = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    math.inf,
    -math.inf,
    math.nan,
    0.5,
    -0.5,
    2.0,
    -2.0,
    3.0,
    -3.0,
    1e-45,
    -1e-45,
]
ODD_ONES += [3.4e38, -3.4e38, 16777216.0, 16777215.0, -16777215.0, -7.5, 149.0, -149.0, 0.99999994, 1.0000001]


def test_powers_of_special_values(c):
    x, y = (a.ravel().astype(np.float32).astype(np.float64) for a in np.meshgrid(ODD_ONES, ODD_ONES))
    with np.errstate(all="ignore"):
        want = np.power(x, y)
        rounded = want.astype(c.dtype)
    got = c("pow", x, y)
    assert close(got, want, TOLERANCE[c.dtype]).all()
    np.testing.assert_array_equal(np.signbit(got[~np.isnan(got)]), np.signbit(rounded[~np.isnan(got)]))


def test_powers_over_the_whole_range(c):
    rng = np.random.default_rng(0)
    size = 200_000
    x = np.concatenate([rng.random(size), np.abs(EVERY_10007TH[:size])]).astype(np.float32).astype(np.float64)
    y = (
        np.concatenate([rng.uniform(-20, 50, size), rng.uniform(-2, 2, size)])
        .astype(np.float32)
        .astype(np.float64)
    )
    with np.errstate(all="ignore"):
        assert close(c("pow", x, y), np.power(x, y), TOLERANCE[c.dtype]).all()


@pytest.mark.skipif(not shutil.which("gcc"), reason="reads what gcc says")
def test_gcc_makes_vector_code_of_every_float_function(tmp_path):
    file = tmp_path / "harness.c"
    file.write_text(source(True), "utf-8")
    command = ["gcc", *FLAGS, "-fopt-info-vec", str(file), "-o", str(tmp_path / "harness.so"), "-lm"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    lines = file.read_text("utf-8").splitlines()
    vector = {int(row.split(":")[1]) for row in told.splitlines() if "loop vectorized" in row}
    starts = {
        row.split("(")[0].removeprefix("void v_"): n for n, row in enumerate(lines, 1) if "void v_" in row
    }
    wanted = {starts[name] + 1 for name in (*FUNCTIONS, "pow", "gates") if name != "erf"}
    assert wanted <= vector


@st.composite
def products(draw):
    """Rows, K, N around the widths of vectors, panels and groups; how much wider the strides are; a seed."""
    near = st.sampled_from([0, 1, 2, 3, 5, 7, 8, 13, 14, 15, 16, 17, 29, 31, 32, 33])
    rows, K = draw(near), draw(near)
    N = draw(near | st.sampled_from([61, 64, 65, 97, 127, 128, 129, 130, 131, 160, 257]))
    return rows, K, N, draw(st.integers(0, 3)), draw(st.integers(0, 3)), draw(st.integers(0, 2**31))


def small(rng, shape, dtype):
    """Whole numbers: every sum is exact, so that a product is right or wrong."""
    return rng.integers(-4, 5, shape).astype(dtype)


@given(products(), st.booleans(), st.booleans())
@settings(max_examples=250)
def test_a_product_is_exact_and_writes_nothing_else(c, sizes, accumulate, transposed):
    rows, K, N, wider_a, wider_c, seed = sizes
    rng = np.random.default_rng(seed)
    A = small(rng, (rows, K + wider_a), c.dtype)[:, :K]
    W = small(rng, (N, K), c.dtype).T if transposed else small(rng, (K, N), c.dtype)
    around = np.full((rows + 2, N + wider_c + 1), 99, c.dtype)
    C = around[1:-1, :N]
    C[:] = small(rng, C.shape, c.dtype)
    want = A @ W + (C if accumulate else 0)
    size = c.dtype.itemsize
    c.call("gemm", rows, K, N, A, (K + wider_a), c.packed(W), C, around.strides[0] // size, accumulate)
    np.testing.assert_array_equal(C, want)
    C[:] = 99
    assert (around == 99).all()


@pytest.mark.parametrize(
    "shape", [(32, 128, 512), (1, 256, 1024), (2, 100, 400), (5, 333, 71), (64, 257, 33)]
)
def test_a_product_of_real_numbers_is_numpys(c, shape):
    rows, K, N = shape
    rng = np.random.default_rng(1)
    A, W = rng.standard_normal((rows, K)).astype(c.dtype), rng.standard_normal((K, N)).astype(c.dtype)
    want = A.astype(np.float64) @ W.astype(np.float64)
    bound = K * np.finfo(c.dtype).eps * (np.abs(A).astype(np.float64) @ np.abs(W).astype(np.float64))
    assert (np.abs(c.product(A, W) - want) <= bound).all()


def test_a_row_does_not_depend_on_the_others(c):
    rng = np.random.default_rng(2)
    A, W = rng.standard_normal((33, 50)).astype(c.dtype), rng.standard_normal((50, 300)).astype(c.dtype)
    C = rng.standard_normal((33, 300)).astype(c.dtype)
    whole = c.product(A, W, C)
    for rows in range(1, 33):
        for first in (0, 33 - rows):
            some = slice(first, first + rows)
            np.testing.assert_array_equal(c.product(A[some], W, C[some]), whole[some])


@pytest.mark.parametrize("rows", [1, 2, 6, 20])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nan_and_infinity_stay_in_their_row_and_column(c, rows, value):
    A, W = np.ones((rows, 3), c.dtype), np.ones((3, 19), c.dtype)
    A[0, 1] = value
    got = c.product(A, W)
    np.testing.assert_array_equal(got[0], np.full(19, value))
    np.testing.assert_array_equal(got[1:], 3)
    A[0, 1], W[1, 18] = 1, value
    np.testing.assert_array_equal(c.product(A, W)[:, :18], 3)


@pytest.mark.parametrize("offset", [0, 1, 3])
def test_nothing_needs_to_be_aligned(c, offset):
    rng = np.random.default_rng(3)
    base = [np.zeros(size + offset, c.dtype) for size in (7 * 24, 24 * 40, 7 * 40)]
    A, W, C = (x[offset:].reshape(shape) for x, shape in zip(base, ((7, 24), (24, 40), (7, 40)), strict=True))
    A[:], W[:] = small(rng, A.shape, c.dtype), small(rng, W.shape, c.dtype)
    packed = np.zeros(c.call("size", 24, 40) + offset, c.dtype)[offset:]
    packed[:] = c.packed(W)
    c.call("gemm_known", 7, A, packed, C)
    np.testing.assert_array_equal(C, A @ W)
