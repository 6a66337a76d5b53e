"""Training steps in MLX on the CPU."""
import harness
import train

options = harness.flags("mlx")
import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim

mx.set_default_device(mx.cpu)
attend = mx.fast.scaled_dot_product_attention


def split(x, heads):
    """[B, T, heads · D] → [B, heads, T, D]"""
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def join(x):
    return x.swapaxes(1, 2).flatten(2)


class Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        width = size.width
        self.heads = size.heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.projections, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def __call__(self, x):
        q, k, v = (split(t, self.heads) for t in mx.split(self.projections(self.norm1(x)), 3, -1))
        x = x + self.output(join(attend(q, k, v, scale=q.shape[-1] ** -0.5, mask="causal")))
        return x + self.down(nn.gelu_approx(self.up(self.norm2(x))))


class GPT(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.tokens = nn.Embedding(size.vocabulary, size.width)
        self.positions = nn.Embedding(size.context, size.width)
        self.blocks = nn.Sequential(*(Block(size) for _ in range(size.layers)))
        self.norm, self.head = nn.LayerNorm(size.width), nn.Linear(size.width, size.vocabulary, bias=False)

    def __call__(self, x):
        return self.head(self.norm(self.blocks(self.tokens(x) + self.positions(mx.arange(x.shape[1])))))


class Adapted(nn.Module):
    """A linear layer with a low-rank adapter beside it."""

    def __init__(self, inputs, outputs, size):
        super().__init__()
        self.base, self.scale = nn.Linear(inputs, outputs, bias=False), size.scale
        self.low, self.high = mx.random.normal((inputs, size.rank)) * 0.02, mx.zeros((size.rank, outputs))

    def __call__(self, x):
        return self.base(x) + self.scale * (x @ self.low @ self.high)


class LlamaBlock(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size
        width, inner, narrow = size.width, size.inner, size.groups * size.head_width
        plain = lambda i, o: nn.Linear(i, o, bias=False)
        chosen = (lambda i, o: Adapted(i, o, size)) if size.adapters else plain
        self.query, self.value = chosen(width, width), chosen(width, narrow)
        self.key, self.output = plain(width, narrow), plain(width, width)
        self.gate, self.up, self.down = plain(width, inner), plain(width, inner), plain(inner, width)
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.rotary = nn.RoPE(size.head_width, base=size.base)

    def __call__(self, x):
        size, normed = self.size, self.norm1(x)
        q = self.rotary(split(self.query(normed), size.heads))
        k = self.rotary(split(self.key(normed), size.groups))
        v = split(self.value(normed), size.groups)
        x = x + self.output(join(attend(q, k, v, scale=size.head_width**-0.5, mask="causal")))
        normed = self.norm2(x)
        return x + self.down(nn.silu(self.gate(normed)) * self.up(normed))


class Llama(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.embedding = nn.Embedding(size.vocabulary, size.width)
        self.embedding.weight = mx.random.normal(self.embedding.weight.shape) * 0.02
        self.blocks = nn.Sequential(*(LlamaBlock(size) for _ in range(size.layers)))
        self.norm = nn.RMSNorm(size.width)
        if size.adapters:
            self.freeze()
            self.apply_to_modules(
                lambda _, module: module.unfreeze(keys=["low", "high"], recurse=False)
                if isinstance(module, Adapted) else None)

    def __call__(self, x):
        return self.embedding.as_linear(self.norm(self.blocks(self.embedding(x))))


def mlp():
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


def cnn():
    layer = lambda i, o: (nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2))
    flatten = lambda x: x.flatten(1)
    return nn.Sequential(*layer(1, 32), *layer(32, 64), flatten, nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10))


def build(name, size):
    """The model, its learning rate, inputs and targets."""
    if name == "mlp":
        return mlp(), 1e-3, mx.random.normal((256, 784)), mx.random.randint(0, 10, (256,))
    if name == "cnn":
        return cnn(), None, mx.random.normal((64, 28, 28, 1)), mx.random.randint(0, 10, (64,))
    shape = getattr(size, "batch", 1), size.context
    x, y = (mx.random.randint(0, size.vocabulary, shape) for _ in range(2))
    return (GPT(size), 1e-3, x, y) if name.startswith("gpt") else (Llama(size), 1e-4, x, y)


def step(name, size, compiled, half):
    mx.random.seed(0)
    model, rate, x, y = build(name, size)
    # With the correction that the other peers always make.
    optimizer = optim.AdamW(rate, bias_correction=True) if rate else optim.SGD(1e-2)
    mx.eval(model.parameters(), x, y)
    gradient = nn.value_and_grad(model, lambda m, x, y: nn.losses.cross_entropy(m(x), y, reduction="mean"))
    state = [model.state, optimizer.state]

    def update(x, y):
        loss, gradients = gradient(model, x, y)
        optimizer.update(model, gradients)
        return loss

    if compiled:
        update = mx.compile(update, inputs=state, outputs=state)

    def train_once():
        loss = update(x, y)
        mx.eval(loss, state)
        return loss.item()

    return train_once


harness.run(options, train.cases(step, ("eager", "compiled")))
