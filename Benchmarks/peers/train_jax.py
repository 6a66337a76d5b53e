"""Training steps in JAX: loss, gradients and update under one jit."""
import functools

import harness
import train

options = harness.flags("jax")
import jax
import numpy
from jax import lax, nn, numpy as jnp

random = numpy.random.default_rng(0)
each = jax.tree_util.tree_map


def normal(*shape, scale=1.0):
    return jnp.asarray(random.standard_normal(shape, dtype=numpy.float32) * scale)


def uniform(*shape, inputs):
    return jnp.asarray(random.uniform(-1, 1, shape).astype(numpy.float32) / inputs**0.5)


def linear(inputs, outputs, bias=True):
    weight = {"weight": uniform(inputs, outputs, inputs=inputs)}
    return {**weight, "bias": jnp.zeros(outputs)} if bias else weight


def apply(layer, x):
    return x @ layer["weight"] + layer.get("bias", 0.0)


def layer_norm(layer, x):
    centred = x - x.mean(-1, keepdims=True)
    return centred * lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + 1e-5) * layer["weight"] + layer["bias"]


def rms_norm(weight, x):
    return x * lax.rsqrt(jnp.square(x).mean(-1, keepdims=True) + 1e-5) * weight


def split(x, heads):
    return x.reshape(*x.shape[:2], heads, -1)


def attend(q, k, v):
    out = nn.dot_product_attention(q, k, v, is_causal=True)
    return out.reshape(*out.shape[:2], -1)


def mlp(layers, x):
    return apply(layers[2], nn.relu(apply(layers[1], nn.relu(apply(layers[0], x)))))


def make_cnn():
    kernel = lambda i, o: {"weight": uniform(3, 3, i, o, inputs=9 * i), "bias": jnp.zeros(o)}
    return {"first": kernel(1, 32), "second": kernel(32, 64), "hidden": linear(3136, 128), "output": linear(128, 10)}


def cnn(p, x):
    for layer in p["first"], p["second"]:
        x = lax.conv_general_dilated(
            x, layer["weight"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")) + layer["bias"]
        x = lax.reduce_window(nn.relu(x), -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return apply(p["output"], nn.relu(apply(p["hidden"], x.reshape(x.shape[0], -1))))


def make_gpt(size):
    width = size.width
    norm = lambda: {"weight": jnp.ones(width), "bias": jnp.zeros(width)}
    block = lambda: {
        "norm1": norm(), "projections": linear(width, 3 * width), "output": linear(width, width),
        "norm2": norm(), "up": linear(width, 4 * width), "down": linear(4 * width, width)}
    return {
        "tokens": normal(size.vocabulary, width, scale=0.02), "positions": normal(size.context, width, scale=0.02),
        "blocks": [block() for _ in range(size.layers)], "norm": norm(), "head": linear(width, size.vocabulary, False)}


def gpt(size, p, tokens):
    x = p["tokens"][tokens] + p["positions"]
    for b in p["blocks"]:
        q, k, v = (split(t, size.heads) for t in jnp.split(apply(b["projections"], layer_norm(b["norm1"], x)), 3, -1))
        x = x + apply(b["output"], attend(q, k, v))
        x = x + apply(b["down"], nn.gelu(apply(b["up"], layer_norm(b["norm2"], x))))
    return apply(p["head"], layer_norm(p["norm"], x))


def make_llama(size):
    """What is there, and the adapters beside it."""
    width, inner, narrow, rank = size.width, size.inner, size.groups * size.head_width, size.rank
    shapes = {"query": (width, width), "key": (width, narrow), "value": (width, narrow), "output": (width, width),
              "gate": (width, inner), "up": (width, inner), "down": (inner, width)}
    block = lambda: {**{name: linear(*shape, bias=False) for name, shape in shapes.items()},
                     "norm1": jnp.ones(width), "norm2": jnp.ones(width)}
    base = {"embedding": normal(size.vocabulary, width, scale=0.02), "norm": jnp.ones(width),
            "blocks": [block() for _ in range(size.layers)]}
    adapter = lambda outputs: (normal(width, rank, scale=0.02), jnp.zeros((rank, outputs)))
    return base, [{"query": adapter(width), "value": adapter(narrow)} for _ in range(size.layers)]


def llama(size, p, adapters, tokens):
    rates = size.base ** -(numpy.arange(0, size.head_width, 2) / size.head_width)
    angles = numpy.outer(numpy.arange(size.context), rates)[:, None]  # [T, 1, D / 2]
    cosines, sines = (jnp.asarray(f(angles), jnp.float32) for f in (numpy.cos, numpy.sin))

    def rotate(x):
        low, high = jnp.split(x, 2, -1)
        return jnp.concatenate([low * cosines - high * sines, high * cosines + low * sines], -1)

    x = p["embedding"][tokens]
    for index, b in enumerate(p["blocks"]):
        normed = rms_norm(b["norm1"], x)
        q, k, v = (apply(b[name], normed) for name in ("query", "key", "value"))
        if adapters is not None:
            extra = {name: size.scale * (normed @ low @ high) for name, (low, high) in adapters[index].items()}
            q, v = q + extra["query"], v + extra["value"]
        q, k, v = rotate(split(q, size.heads)), rotate(split(k, size.groups)), split(v, size.groups)
        x = x + apply(b["output"], attend(q, k, v))
        normed = rms_norm(b["norm2"], x)
        x = x + apply(b["down"], nn.silu(apply(b["gate"], normed)) * apply(b["up"], normed))
    return rms_norm(p["norm"], x) @ p["embedding"].T


def adamw(rate, decay=0.01, first=0.9, second=0.999, eps=1e-8):
    def start(p):
        return each(jnp.zeros_like, p), each(jnp.zeros_like, p), jnp.zeros(())

    def update(p, gradients, state):
        m, v, time = state
        time = time + 1
        m = each(lambda m, g: first * m + (1 - first) * g, m, gradients)
        v = each(lambda v, g: second * v + (1 - second) * g * g, v, gradients)
        change = lambda p, m, v: p - rate * (
            m / (1 - first**time) / (jnp.sqrt(v / (1 - second**time)) + eps) + decay * p)
        return each(change, p, m, v), (m, v, time)

    return start, update


def sgd(rate):
    return lambda p: (), lambda p, gradients, state: (each(lambda p, g: p - rate * g, p, gradients), state)


def integers(bound, *shape):
    return jnp.asarray(random.integers(0, bound, shape))


def build(name, size):
    """Parameters, frozen ones, the logits of both and the inputs, the optimizer, inputs, targets."""
    if name == "mlp":
        layers = [linear(784, 512), linear(512, 512), linear(512, 10)]
        return layers, (), lambda p, f, x: mlp(p, x), adamw(1e-3), normal(256, 784), integers(10, 256)
    if name == "cnn":
        return make_cnn(), (), lambda p, f, x: cnn(p, x), sgd(1e-2), normal(64, 28, 28, 1), integers(10, 64)
    shape = getattr(size, "batch", 1), size.context
    x, y = (integers(size.vocabulary, *shape) for _ in range(2))
    if name.startswith("gpt"):
        return make_gpt(size), (), lambda p, f, x: gpt(size, p, x), adamw(1e-3), x, y
    base, adapters = make_llama(size)
    if size.adapters:
        return adapters, base, lambda p, f, x: llama(size, f, p, x), adamw(1e-4), x, y
    return base, (), lambda p, f, x: llama(size, p, None, x), adamw(1e-4), x, y


def step(name, size, compiled, half):
    parameters, frozen, logits, (start, update), x, y = build(name, size)

    def loss(p, frozen, x, y):
        scores = nn.log_softmax(logits(p, frozen, x))
        return -jnp.take_along_axis(scores, y[..., None], -1).mean()

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def train_once(p, state, frozen, x, y):
        value, gradients = jax.value_and_grad(loss)(p, frozen, x, y)
        return *update(p, gradients, state), value

    held = [parameters, start(parameters)]

    def once():
        *held[:], value = jax.block_until_ready(train_once(*held, frozen, x, y))
        return float(value)

    return once


harness.run(options, train.cases(step, ("compiled",)))
