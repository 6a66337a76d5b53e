"""Single operations in MLX on the CPU."""
import harness
import ops

options = harness.flags("mlx")
import mlx.core as mx
import mlx.nn as nn

mx.set_default_device(mx.cpu)


def normal(*shape):
    x = mx.random.normal(shape)
    mx.eval(x)
    return x


def with_gradients(function, *inputs, cotangent):
    return lambda: mx.eval(mx.vjp(lambda *xs: [function(*xs)], list(inputs), [cotangent]))


class MLX:
    compiled = staticmethod(mx.compile)
    softmax = staticmethod(lambda x: mx.softmax(x, -1))
    layer_norm = staticmethod(lambda x, weight, bias: mx.fast.layer_norm(x, weight, bias, 1e-5))
    sort = staticmethod(mx.sort)
    sum = staticmethod(lambda axis: lambda x: x.sum(axis))
    mixture = staticmethod(lambda x: mx.tanh(x * 0.5 + 0.1) * mx.sigmoid(x) + mx.exp(-x * x))
    gelu = staticmethod(nn.gelu_approx)
    gelu_gradient = staticmethod(lambda x, d: mx.vjp(nn.gelu_approx, [x], [d])[1])

    def on(self, function, *shapes, jit=True):
        inputs = [normal(*shape) for shape in shapes]
        return lambda: mx.eval(function(*inputs))

    def product(self, m, k, n, half):
        a, b = (normal(*s).astype(mx.bfloat16 if half else mx.float32) for s in ((m, k), (k, n)))
        mx.eval(a, b)
        return lambda: mx.eval(a @ b)

    def lookup(self, count, width, wanted):
        table, indices = normal(count, width), mx.random.randint(0, count, (wanted,))
        mx.eval(indices)
        return lambda: mx.eval(table[indices])

    def convolution(self, images, kernels, groups, backward):
        x, w = normal(*images), normal(*kernels)
        convolve = lambda x, w: mx.conv2d(x, w, padding=1, groups=groups)
        if not backward:
            return lambda: mx.eval(convolve(x, w))
        return with_gradients(convolve, x, w, cotangent=mx.ones((*images[:3], kernels[0])))

    def attention(self, batch, heads, length, width, backward):
        q, k, v, cotangent = (normal(batch, heads, length, width) for _ in range(4))
        attend = lambda q, k, v: mx.fast.scaled_dot_product_attention(q, k, v, scale=width**-0.5, mask="causal")
        return with_gradients(attend, q, k, v, cotangent=cotangent) if backward else lambda: mx.eval(attend(q, k, v))

    def waves(self, count):
        x = mx.random.normal((count,))
        for _ in range(100):
            x = mx.sin(x) * 1.01
        mx.eval(x)

    def additions(self, count):
        x = mx.zeros((4,))
        for _ in range(count):
            x = x + 1.0
        mx.eval(x)


harness.run(options, ops.cases(MLX()))
