"""The single operations: their names, shapes and what is counted. A peer brings the functions."""
from math import prod

from harness import memory, reset_peak

CHAIN = 10_000


def rate(metric, scale, amount):
    return metric, lambda seconds: amount / seconds / scale


def flops(amount):
    return rate("GFLOP/s", 1e9, amount)


def gigabytes(amount):
    return rate("GB/s", 1e9, amount)


def elements(amount):
    return rate("Melem/s", 1e6, amount)


def products(peer):
    shapes = {"f32_512": (512, 512, 512), "f32_1024": (1024, 1024, 1024), "f32_2048": (2048, 2048, 2048),
              "f32_1x4096x4096": (1, 4096, 4096), "f32_64x4096x1024": (64, 4096, 1024),
              "f32_16x4096x1024": (16, 4096, 1024), "f32_768x16x4096": (768, 16, 4096),
              "bf16_1024": (1024, 1024, 1024)}
    for name, (m, k, n) in shapes.items():
        yield "matmul_" + name, (*flops(2 * m * k * n), lambda m=m, k=k, n=n, t=name[:4]: peer.product(m, k, n, t == "bf16"))
    if hasattr(peer, "joined"):
        for m in 2, 8:
            yield f"linear_f32_{m}x4096x1024", (*flops(2 * m * 4096 * 1024), lambda m=m: peer.linear(m, 4096, 1024))
        for planes, n in (16384, 4), (4096, 16):
            yield f"matmul_planes_{n}", (*flops(2 * planes * n**3), lambda planes=planes, n=n: peer.products(planes, n))


def rows(peer):
    size, square = (4096, 1024), (4096, 4096)
    yield "softmax_4096x1024", (*gigabytes(2 * 4 * 4096 * 1024), lambda: peer.on(peer.softmax, size))
    yield "layernorm_4096x1024", (*gigabytes(2 * 4 * 4096 * 1024), lambda: peer.on(peer.layer_norm, size, size[1:], size[1:]))
    for axis in 0, 1:
        yield f"sum_axis{axis}_4096", (*gigabytes(4 * 4096**2), lambda axis=axis: peer.on(peer.sum(axis), square))
    if hasattr(peer, "joined"):
        yield "sum_axis0_4096x256", (*gigabytes(4 * 4096 * 256), lambda: peer.on(peer.sum(0), (4096, 256)))
        yield "sum_axes02_64x128x256", (*gigabytes(4 * 64 * 128 * 256), lambda: peer.on(peer.sum((0, 2)), (64, 128, 256)))
    yield "embed_8192_50kx256", (*gigabytes(2 * 4 * 8192 * 256), lambda: peer.lookup(50_000, 256, 8192))
    yield "sort_2^20", (*elements(2**20), lambda: peer.on(peer.sort, (2**20,)))


def convolutions(peer):
    forms = [("mnist", (32, 28, 28, 1), (32, 3, 3, 1), 1), ("64ch", (16, 32, 32, 64), (64, 3, 3, 64), 1)]
    if hasattr(peer, "joined"):
        forms += [("depthwise", (16, 32, 32, 64), (64, 3, 3, 1), 64), ("groups4", (16, 32, 32, 64), (64, 3, 3, 16), 4),
                  ("small", (32, 7, 7, 512), (512, 3, 3, 512), 1), ("volume", (4, 16, 16, 16, 16), (32, 3, 3, 3, 16), 1), ("64ch_bf16", (16, 32, 32, 64), (64, 3, 3, 64), 1)]
        forms += [("strided", (16, 32, 32, 64), (128, 3, 3, 64), 1), ("transposed", (16, 32, 32, 32), (32, 4, 4, 32), 1)]
    for name, images, kernels, groups in forms:
        count = 2 * prod(images[:-1]) * prod(kernels) // (4 if name == "strided" else 1)
        more = {"64ch_bf16": {"half": True}, "strided": {"stride": 2}, "transposed": {"stride": 2, "transposed": True}}.get(name, {})
        for suffix, factor, gradients in ("fwd", 1, False), ("fwdbwd", 3, True):
            yield f"conv_{name}_{suffix}", (
                *flops(factor * count),
                lambda form=(images, kernels, groups), gradients=gradients, more=more: peer.convolution(*form, gradients, **more))
    if hasattr(peer, "joined"):
        for size in 2, 3:
            yield f"avgpool_{size}x{size}", (
                *elements(16 * 64 * 64 * 32), lambda size=size: peer.means((16, 64, 64, 32), size, 2 if size == 2 else 1))


def arrays(peer):
    """Transforms, functions and elements on the move, for peers that have them."""
    if not hasattr(peer, "joined"):
        return
    for name, shape in ("fft_2^20", (2**20,)), ("fft_1024x1024", (1024, 1024)), ("rfft_1024x1024", (1024, 1024)), ("fft2_1024x1024", (1024, 1024)):
        yield name, (*elements(prod(shape)), lambda name=name, shape=shape: peer.transform(name.split("_")[0], shape))
    for name in "power", "cube", "arctan2", "remainder", "tan", "gelu_erf":
        yield f"{name}_2^20", (*elements(2**20), lambda name=name: peer.function(name, 2**20))
    for name in "concatenate", "roll", "take_along0", "take_along1", "put_along0", "put_along1":
        yield f"{name}_2048", (*elements(2048**2), lambda name=name: peer.joined(name, 2048))
    for name in "variance_axis0", "variance_axis1", "norm_rows", "logsoftmax_rows", "top10_rows":
        yield f"{name}_2048", (*elements(2048**2), lambda name=name: peer.moment(name, 2048))
    for name in "batchnorm", "groupnorm":
        yield f"{name}_16x64x64x32", (*elements(16 * 64 * 64 * 32), lambda name=name: peer.normalised(name, 16, 64, 32))
    for name in "lstm", "gru":
        for way in "fwd", "fwdbwd":
            yield f"{name}_32x64x256_{way}", (*elements(32 * 64 * 256), lambda name=name, way=way: peer.recurrent(name, 32, 64, 128, 256, way == "fwdbwd"))
    yield "stack_64_of_64x64", (*elements(64**3), lambda: peer.stacked(64))


def attention(peer):
    batch, heads, length, width = 4, 8, 512, 64
    count = 2 * batch * heads * length * length * width  # two products, the half below the diagonal
    for suffix, factor, gradients in ("fwd", 1, False), ("fwdbwd", 3.5, True):
        yield f"sdpa_causal_{suffix}", (
            *flops(factor * count),
            lambda gradients=gradients: peer.attention(batch, heads, length, width, gradients))


def elementwise(peer):
    for power in 12, 20, 24:
        for variant, function in ("eager", lambda: peer.mixture), ("compiled", lambda: peer.compiled(peer.mixture)):
            yield f"eltwise_2^{power}_{variant}", (
                *elements(2**power),
                lambda power=power, function=function: peer.on(function(), (2**power,), jit=False))
    yield "gelu_2^20_fwd", (*elements(2**20), lambda: peer.on(peer.gelu, (2**20,)))
    yield "gelu_2^20_bwd", (*elements(2**20), lambda: peer.on(peer.gelu_gradient, (2**20,), (2**20,)))


def memory_peak(peer):
    start = 0.0

    def make():
        nonlocal start
        peer.waves(2**10)
        reset_peak()
        start = memory("VmRSS")
        return lambda: peer.waves(2**22)

    yield "mempeak_chain200", ("peak MiB over start (array is 16 MiB)", lambda _: memory("VmHWM") - start, make)


def chain(peer):
    yield "dispatch_add_chain", ("us/op", lambda seconds: seconds / CHAIN * 1e6, lambda: lambda: peer.additions(CHAIN))


def cases(peer):
    """All cases of a peer; the peak of memory first, before an allocator holds anything."""
    families = memory_peak, products, rows, convolutions, attention, elementwise, arrays, chain
    return {name: case for family in families for name, case in family(peer)}
