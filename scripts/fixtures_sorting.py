#!/usr/bin/env python3
"""Writes Tests/Fixtures/{sorting,scan,draws}.json by running the PyPI package mlx; see fixtures.py."""

import mlx.core as mx
import numpy as np

import fixtures
from fixtures import DTYPES, FOLDER, INF, NAN, VERSION, case, dtype_of, floats, packed, write

numbers = np.random.default_rng(20250718)


def integers(dtype, shape):
    """Few different values, so that there are ties."""
    values = numbers.integers(0, 9, shape)
    if dtype == "complex64":
        return mx.array((values % 3 + 1j * (values // 3)).astype(np.complex64))
    return mx.array(values).astype(dtype_of(dtype))


def sorting():
    special = floats(-2, 2, 6, [NAN, 1.0, -0.0, 0.0, INF, -INF, NAN, 0.0])
    for dtype in DTYPES:
        x = integers(dtype, (3, 7))
        for axis in (0, 1):
            yield case("sorted", lambda v: mx.sort(v, axis=axis), [x], False, axes=[axis])
            yield case("argSort", lambda v: mx.argsort(v, axis=axis), [x], False, axes=[axis])
    long = mx.array(numbers.integers(-40, 40, 300)).astype(mx.int16)
    yield case("argSort", lambda v: mx.argsort(v, axis=0), [long], False, axes=[0])
    yield case("sorted", lambda v: mx.sort(v, axis=0), [special], False, axes=[0])
    yield case("argSort", lambda v: mx.argsort(v, axis=0), [special], False, axes=[0])
    ties = mx.array([[3.0, 1.0, 2.0, 2.0], [1.0, 1.0, 0.0, 5.0]])
    yield case("sorted", lambda v: mx.sort(v, axis=1), [ties], axes=[1])
    distinct = mx.array(numbers.permutation(24).reshape(4, 6).astype(np.float32))
    for axes in ([0], [1], [0, 1]):
        yield case("median", lambda v: mx.median(v, axis=axes), [distinct], axes=axes)
    for dtype in ("int32", "uint8", "float16", "bfloat16"):
        x = integers(dtype, (2, 5))
        yield case("median", lambda v: mx.median(v, axis=[1]), [x], False, axes=[1])
    yield case("median", lambda v: mx.median(v, axis=[0]), [special], False, axes=[0])


def scan():
    operations = [
        ("cumsum", mx.cumsum), ("cumprod", mx.cumprod), ("cummax", mx.cummax),
        ("cummin", mx.cummin), ("logCumsumExp", mx.logcumsumexp),
    ]
    x = mx.array(numbers.uniform(-2, 2, (2, 4, 3)).astype(np.float32))
    zeros = mx.array([[3.0, 0.0, 2.0, 2.0], [0.0, 1.5, 0.0, 4.0], [2.0, 2.0, 3.0, 3.0]])
    holes = mx.array([[1.0, NAN, 3.0], [INF, 2.0, -INF], [-INF, -INF, 0.5]])
    for name, function in operations:
        for reverse in (False, True):
            for inclusive in (True, False):
                options = {"reverse": reverse, "inclusive": inclusive}

                def run(v, axis=1):
                    return function(v, axis=axis, **options)

                yield case(name, run, [x], axes=[1], **options)
                # The gradient at ties of excluded elements is MLX's own.
                yield case(name, run, [zeros], axes=[1], **options)
                yield case(name, run, [holes], False, axes=[1], **options)
        for dtype in DTYPES:
            # MLX computes exponentials of float64 with the digits of float32.
            if dtype == "float64" and name == "logCumsumExp":
                continue
            values = integers(dtype, (5,))
            options = {"reverse": False, "inclusive": False}
            yield case(name, lambda v: function(v, axis=0, **options), [values], False, axes=[0],
                       **options)


def draws():
    def draw(operation, seed, values, **parameters):
        return {"operation": operation, "seed": str(seed), "output": packed(values)} | parameters

    for seed in (0, 7, 0x123456789ABCDEF):
        key = mx.random.key(seed)
        for count in (1, 2, 7, 33):
            yield draw("permutation", seed, mx.random.permutation(count, key=key))
        for dtype in ("float32", "float16", "bfloat16"):
            kind = dtype_of(dtype)
            yield draw("gumbel", seed, mx.random.gumbel([33], dtype=kind, key=key))
            yield draw("laplace", seed, mx.random.laplace([33], dtype=kind, key=key), low=0, high=1)
            values = mx.random.laplace([33], dtype=kind, loc=0.5, scale=3, key=key)
            yield draw("laplace", seed, values, low=0.5, high=3)
            values = mx.random.truncated_normal(-1, 2, [33], dtype=kind, key=key)
            yield draw("truncatedNormal", seed, values, low=-1, high=2)
        values = mx.random.normal([9], dtype=mx.complex64, loc=1, scale=2, key=key)
        yield draw("normal", seed, values, low=1, high=2)
        for dtype in ("uint8", "int16", "int64"):
            values = mx.random.randint(3, 77, [33], dtype=dtype_of(dtype), key=key)
            yield draw("randInt", seed, values, low=3, high=77)
        table = [
            ((4,), -1, None, None), ((4,), -1, [9], None), ((4,), 0, None, 9),
            ((1, 8), -1, None, None), ((1, 8), -1, None, 5), ((3, 8), -1, None, None),
            ((3, 8), 0, None, None), ((3, 8), -1, None, 6), ((3, 8), 1, [4, 3], None),
            ((3, 8), 0, [4, 8], None), ((300,), -1, [40], None),
        ]
        for shape, axis, wanted, count in table:
            logits = mx.array(numbers.uniform(-2, 2, shape).astype(np.float32))
            values = mx.random.categorical(logits, axis, shape=wanted, num_samples=count, key=key)
            options = {} if count is None else {"count": count}
            yield draw("categorical", seed, values, inputs=[packed(logits)], axes=[axis],
                       shaped=wanted is not None, **options)


if __name__ == "__main__":
    assert mx.__version__ == VERSION, f"mlx {VERSION} is needed, this is {mx.__version__}"
    mx.set_default_device(mx.cpu)
    fixtures.numbers = numbers
    FOLDER.mkdir(exist_ok=True)
    for family in (sorting, scan, draws):
        write(family.__name__, list(family()))
