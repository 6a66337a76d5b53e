#!/usr/bin/env python3
"""Writes Tests/Fixtures/linalg.json and fourier.json, in the way of fixtures.py."""

import mlx.core as mx

from fixtures import INF, numbers, packed, write

mx.set_default_device(mx.cpu)


def normal(*shape, dtype=mx.float32):
    return mx.array(numbers.normal(size=shape), dtype=dtype)


def case(operation, function, *inputs, **parameters):
    return {
        "operation": operation,
        "inputs": [packed(x) for x in inputs],
        "output": packed(function(*inputs)),
    } | parameters


def linalg():
    for dtype in (mx.float32, mx.float64):
        a = normal(2, 3, 3, dtype=dtype)
        positive = a @ a.swapaxes(-1, -2) + mx.eye(3, dtype=dtype)
        yield case("inv", mx.linalg.inv, a)
        yield case("triInv", mx.linalg.tri_inv, a)
        yield case("cholesky", mx.linalg.cholesky, positive)
        yield case("choleskyInv", mx.linalg.cholesky_inv, mx.linalg.cholesky(positive))
        yield case("eigvalsh", mx.linalg.eigvalsh, positive)
        yield case("pinv", mx.linalg.pinv, normal(2, 4, 3, dtype=dtype))
        yield case("svd", lambda x: mx.linalg.svd(x, compute_uv=False), normal(2, 3, 4, dtype=dtype))
        yield case("solve", mx.linalg.solve, a, normal(2, 3, 2, dtype=dtype))
        yield case("solveTriangular", mx.linalg.solve_triangular, a, normal(2, 3, 2, dtype=dtype))
        for part in range(3):
            yield case(f"lu{part}", lambda x: mx.linalg.lu(x)[part], normal(2, 4, 3, dtype=dtype))
    for left, right in [(3, 3), (2, 3), (3, 2), (2, 2)]:
        yield case("cross", mx.linalg.cross, normal(4, left), normal(right))


def norms():
    x = normal(2, 3, 4)
    for axes in ([0], [-1], [1, 2], [2, 0]):
        for kind in (None, "fro", "nuc"):
            if kind is None or len(axes) == 2:
                function = lambda x: mx.linalg.norm(x, kind, axes)
                yield case("norm", function, x, axes=axes, kind=kind)
        orders = [1, -1, 2, INF, -INF] + ([0, 3, 0.5] if len(axes) == 1 else [-2])
        for order in orders:
            function = lambda x: mx.linalg.norm(x, order, axes, keepdims=True)
            yield case("norm", function, x, axes=axes, order=str(order))
    yield case("norm", mx.linalg.norm, x)
    yield case("norm", mx.linalg.norm, mx.array([3, 4, 12]))
    yield case("norm", mx.linalg.norm, normal(3) + 1j * normal(3))


def fourier():
    x, z = normal(4, 6), normal(4, 6) + 1j * normal(4, 6)
    functions = {
        "fft": mx.fft.fft, "ifft": mx.fft.ifft, "fft2": mx.fft.fft2, "ifft2": mx.fft.ifft2,
        "fftn": mx.fft.fftn, "ifftn": mx.fft.ifftn, "irfft": mx.fft.irfft,
        "irfft2": mx.fft.irfft2, "irfftn": mx.fft.irfftn,
    }
    for name, function in functions.items():
        yield case(name, function, z)
    for name in ("rfft", "rfft2", "rfftn"):
        yield case(name, getattr(mx.fft, name), x)
    for name in ("fftshift", "ifftshift"):
        yield case(name, getattr(mx.fft, name), x)
    for length in (1, 7, 16, 30, 43):
        yield case("fft", mx.fft.fft, normal(length) + 1j * normal(length))
        yield case("rfft", mx.fft.rfft, normal(length))


if __name__ == "__main__":
    write("linalg", list(linalg()) + list(norms()))
    write("fourier", fourier())
