"""Single operations in JAX; all under jit but the "eager" ones and the chains."""
import harness
import ops

options = harness.flags("jax")
import jax
import numpy
from jax import lax, numpy as jnp

random = numpy.random.default_rng(0)


def normal(*shape):
    return jnp.asarray(random.standard_normal(shape, dtype=numpy.float32))


def awaited(function, *inputs):
    return lambda: jax.block_until_ready(function(*inputs))


def with_gradients(function):
    """The results of a function and what its inputs get for a cotangent."""

    def both(cotangent, *inputs):
        result, pull = jax.vjp(function, *inputs)
        return result, pull(cotangent)

    return jax.jit(both)


def layer_norm(x, weight, bias):
    centred = x - x.mean(-1, keepdims=True)
    return centred * lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + 1e-5) * weight + bias


class Jax:
    compiled = staticmethod(jax.jit)
    softmax = staticmethod(jax.nn.softmax)
    layer_norm = staticmethod(layer_norm)
    sort = staticmethod(jnp.sort)
    sum = staticmethod(lambda axis: lambda x: x.sum(axis))
    mixture = staticmethod(lambda x: jnp.tanh(x * 0.5 + 0.1) * jax.nn.sigmoid(x) + jnp.exp(-x * x))
    gelu = staticmethod(jax.nn.gelu)
    gelu_gradient = staticmethod(lambda x, d: jax.vjp(jax.nn.gelu, x)[1](d))

    def on(self, function, *shapes, jit=True):
        return awaited(jax.jit(function) if jit else function, *(normal(*shape) for shape in shapes))

    def product(self, m, k, n, half):
        a, b = (normal(*s).astype(jnp.bfloat16 if half else jnp.float32) for s in ((m, k), (k, n)))
        return awaited(jax.jit(jnp.matmul), a, b)

    def lookup(self, count, width, wanted):
        indices = jnp.asarray(random.integers(0, count, wanted))
        return awaited(jax.jit(lambda table, i: table[i]), normal(count, width), indices)

    def convolution(self, images, kernels, groups, backward):
        channels, height, width, inputs = kernels
        x, w = normal(*images), normal(height, width, inputs, channels)
        convolve = lambda x, w: lax.conv_general_dilated(
            x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=groups)
        if not backward:
            return awaited(jax.jit(convolve), x, w)
        return awaited(with_gradients(convolve), jnp.ones((*images[:3], channels)), x, w)

    def attention(self, batch, heads, length, width, backward):
        q, k, v, cotangent = (normal(batch, length, heads, width) for _ in range(4))
        attend = lambda q, k, v: jax.nn.dot_product_attention(q, k, v, is_causal=True)
        return awaited(with_gradients(attend), cotangent, q, k, v) if backward else awaited(jax.jit(attend), q, k, v)

    def waves(self, count):
        x = jnp.full(count, 0.5)
        for _ in range(100):
            x = jnp.sin(x) * 1.01
        x.block_until_ready()

    def additions(self, count):
        x = jnp.zeros(4)
        for _ in range(count):
            x = x + 1.0
        x.block_until_ready()


harness.run(options, ops.cases(Jax()))
