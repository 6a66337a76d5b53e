#!/usr/bin/env python3
"""Writes Tests/Fixtures/shapes.json: shape operations, convolutions and contractions of the PyPI
package mlx. Run as scripts/fixtures.py is.

A case is like those of scripts/fixtures.py; its numbers stand in the list "numbers" and its string,
if any, in "text", in the order of the function's parameters.
"""

import mlx.core as mx

from fixtures import case, numbers, write, VERSION


def real(*shape):
    return mx.array(numbers.uniform(-1, 1, shape), dtype=mx.float32)


def convolutions():
    table = [
        # input, weight, strides, low, high, kernel dilation, input dilation, groups, flip
        ((2, 7, 2), (3, 3, 2), [2], [1], [1], [1], [1], 1, 0),
        ((1, 6, 4), (4, 2, 1), [1], [2], [0], [2], [2], 4, 1),
        ((1, 4, 5, 2), (4, 2, 3, 1), [1, 2], [1, 1], [0, 0], [1, 1], [2, 1], 2, 1),
        ((1, 3, 4, 3, 2), (2, 2, 2, 2, 2), [1, 1, 2], [1, 0, 1], [1, 0, 1], [1, 2, 1], [1, 1, 1],
         1, 0),
    ]
    for shape, kernel, strides, low, high, dilation, spread, groups, flip in table:
        def convolve(x, w):
            return mx.conv_general(x, w, strides, (low, high), dilation, spread, groups, bool(flip))

        yield case("convGeneral", convolve, [real(*shape), real(*kernel)], len(strides) < 3,
                   numbers=[strides, low, high, dilation, spread, [groups, flip]])


def transposed_convolutions():
    table = [
        # input, weight, stride, padding, dilation, output padding, groups
        ((2, 4, 3), (2, 3, 3), [2], [1], [1], [1], 1),
        ((1, 5, 4), (6, 2, 2), [1], [0], [3], [0], 2),
        ((1, 3, 4, 2), (3, 2, 3, 2), [2, 3], [1, 0], [1, 1], [0, 2], 1),
        ((1, 3, 3, 2), (4, 3, 3, 1), [2, 2], [1, 1], [2, 1], [1, 0], 2),
        ((1, 2, 2, 3, 2), (2, 2, 2, 2, 2), [2, 1, 2], [0, 1, 1], [1, 1, 1], [1, 0, 0], 1),
    ]
    for shape, kernel, stride, padding, dilation, added, groups in table:
        function = [mx.conv_transpose1d, mx.conv_transpose2d, mx.conv_transpose3d][len(stride) - 1]
        if len(stride) == 1:
            sizes = (stride[0], padding[0], dilation[0], added[0])
        else:
            sizes = tuple(tuple(s) for s in (stride, padding, dilation, added))

        def convolve(x, w):
            return function(x, w, *sizes, groups)

        # mlx 0.32.4 gives gradients of another shape than the input's for some sizes.
        fits = added in ([1], [0], [1, 0])
        yield case(f"convTransposed{len(stride)}d", convolve, [real(*shape), real(*kernel)], fits,
                   numbers=[stride, padding, dilation, added, [groups]])


def contractions():
    formulas = [
        ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ba,cb", (2, 3), (4, 2)),
        ("ii->i", (3, 3)), ("ii", (3, 3)), ("iij->j", (2, 2, 3)), ("ij->ji", (2, 3)),
        ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)), ("i,j->ij", (2,), (3,)), ("i,i", (3,), (3,)),
        ("...ij,...jk->...ik", (2, 1, 2, 3), (3, 3, 2)), ("...i->...", (2, 3)),
        ("bhqd,bhkd->bhqk", (1, 2, 3, 2), (1, 2, 2, 2)), ("ij,kl->", (2, 2), (2, 3)),
        ("ij,jk,kl->il", (2, 3), (3, 2), (2, 4)), ("i,ij,j->", (2,), (2, 3), (3,)),
        ("ab,bc,cd,da->", (2, 3), (3, 2), (2, 4), (4, 2)), ("ijk,ik->kj", (2, 3, 2), (2, 2)),
    ]
    for formula, *shapes in formulas:
        yield case("einsum", lambda *x: mx.einsum(formula, *x), [real(*s) for s in shapes],
                   gradient="..." not in formula and len(shapes) != 1, text=formula)
    yield case("tensordot", lambda a, b: mx.tensordot(a, b, 2), [real(2, 3, 4), real(3, 4, 2)],
               numbers=[[1, 2], [0, 1]])
    yield case("tensordot", lambda a, b: mx.tensordot(a, b, [[0, 2], [1, 0]]),
               [real(2, 3, 4), real(4, 2, 3)], numbers=[[0, 2], [1, 0]])
    yield case("inner", mx.inner, [real(2, 3), real(4, 3)])
    yield case("outer", mx.outer, [real(2, 2), real(3)])
    yield case("kron", mx.kron, [real(2, 2), real(3)])
    yield case("kron", mx.kron, [real(2), real(2, 3)], gradient=False)
    for mode in ("full", "valid", "same"):
        for a, b in ((5, 3), (3, 4), (4, 4)):
            yield case("convolve", lambda x, y: mx.convolve(x, y, mode), [real(a), real(b)],
                       gradient=a == 3, text=mode)


def shapes():
    x = real(3, 4)
    for k in (-1, 0, 2):
        yield case("tril", lambda v: mx.tril(v, k), [x], gradient=k == 2, numbers=[[k]])
        yield case("triu", lambda v: mx.triu(v, k), [x], gradient=k == 2, numbers=[[k]])
        yield case("diag", lambda v: mx.diag(v, k), [real(3)], numbers=[[k]])
        yield case("diag", lambda v: mx.diag(v, k), [x], gradient=k == 2, numbers=[[k]])
        yield case("diagonal", lambda v: mx.diagonal(v, k, 2, 0), [real(3, 2, 4)],
                   gradient=k == 2, numbers=[[k, 2, 0]])
        yield case("trace", lambda v: mx.trace(v, k, 0, 2), [real(3, 2, 4)],
                   gradient=k == 2, numbers=[[k, 0, 2]])
    yield case("trace", lambda v: mx.trace(v), [mx.array([[1, 2], [3, 4]], dtype=mx.uint8)],
               gradient=False, numbers=[[0, 0, 1]])
    for shift, axes in ((1, [0]), (-5, [1]), (2, [0, 1]), (3, [])):
        yield case("roll", lambda v: mx.roll(v, shift, axes or None), [x],
                   gradient=shift == 2, numbers=[[shift], axes])
    for repetitions in ([2], [2, 1], [2, 1, 3], [1, 2, 1, 1]):
        yield case("tiled", lambda v: mx.tile(v, repetitions), [real(2, 3)],
                   gradient=False, numbers=[repetitions])
    yield case("repeated", lambda v: mx.repeat(v, 3, 1), [x], numbers=[[3, 1]])
    yield case("repeated", lambda v: mx.repeat(v, 2), [x], numbers=[[2]])
    for mode in ("constant", "edge"):
        for widths in ([[1, 2], [0, 3]], [[2, 2], [1, 1]]):
            yield case("padded", lambda v: mx.pad(v, widths, mode), [x],
                       gradient=widths[0][0] == 1, numbers=widths, text=mode)
    yield case("asStrided", lambda v: mx.as_strided(v, [3, 2], [2, 3], 1), [x],
               numbers=[[3, 2], [2, 3], [1]])
    yield case("asStrided", lambda v: mx.as_strided(v, [4, 3], [1, 2], 0), [real(4, 3).T],
               numbers=[[4, 3], [1, 2], [0]])
    for size in (2, 12, 20, 28):
        yield case("hadamardTransform", mx.hadamard_transform, [real(1, size)], gradient=size == 12)
    for name, function in (("bartlett", mx.bartlett), ("blackman", mx.blackman),
                           ("hamming", mx.hamming), ("hanning", mx.hanning)):
        for count in (0, 1, 6):
            yield case(name, lambda v: function(count), [mx.zeros(1)], gradient=False,
                       numbers=[[count]])


def products():
    left, right = mx.array([1, 0, 1, 2], dtype=mx.uint32), mx.array([0, 1, 1, 0], dtype=mx.uint32)
    yield case("gatherMM", lambda a, b: mx.gather_mm(a, b, left, right),
               [real(3, 2, 3), real(2, 3, 2)], numbers=[[1, 0, 1, 2], [0, 1, 1, 0]])
    yield case("segmentedMM", lambda a, b: mx.segmented_mm(
        a, b, mx.array([[0, 2], [1, 5], [3, 3]], dtype=mx.uint32)), [real(2, 5), real(5, 3)],
        gradient=False, numbers=[[0, 2], [1, 5], [3, 3]])


if __name__ == "__main__":
    assert mx.__version__ == VERSION, f"mlx {VERSION} is needed, this is {mx.__version__}"
    mx.set_default_device(mx.cpu)
    families = (convolutions, transposed_convolutions, contractions, shapes, products)
    write("shapes", [item for family in families for item in family()])
