"""Training steps in PyTorch; "compiled" is torch.compile, bfloat16 is its autocast."""
import harness
import train

options = harness.flags("torch")
import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(options.threads)


class Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        width = size.width
        self.heads = size.heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.projections, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.output(self.attend(self.projections(self.norms[0](x))))
        return x + self.down(F.gelu(self.up(self.norms[1](x)), approximate="tanh"))

    def attend(self, x):
        q, k, v = x.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)


class GPT(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.tokens = nn.Embedding(size.vocabulary, size.width)
        self.positions = nn.Embedding(size.context, size.width)
        self.blocks = nn.Sequential(*(Block(size) for _ in range(size.layers)))
        self.norm, self.head = nn.LayerNorm(size.width), nn.Linear(size.width, size.vocabulary, bias=False)

    def forward(self, x):
        return self.head(self.norm(self.blocks(self.tokens(x) + self.positions.weight[: x.shape[1]])))


class Adapted(nn.Linear):
    """A linear layer with a low-rank adapter beside it."""

    def __init__(self, inputs, outputs, size):
        super().__init__(inputs, outputs, bias=False)
        self.scale = size.scale
        self.adapter_down = nn.Parameter(torch.randn(inputs, size.rank) * 0.02)
        self.adapter_up = nn.Parameter(torch.zeros(size.rank, outputs))

    def forward(self, x):
        return super().forward(x) + self.scale * (x @ self.adapter_down @ self.adapter_up)


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
        self.norms = nn.ModuleList(nn.RMSNorm(width) for _ in range(2))

    def forward(self, state):
        x, turns = state
        normed = self.norms[0](x)
        split = lambda layer: layer(normed).unflatten(-1, (-1, self.size.head_width)).transpose(1, 2)
        attended = F.scaled_dot_product_attention(
            rotate(split(self.query), turns), rotate(split(self.key), turns), split(self.value),
            is_causal=True, enable_gqa=True)
        x = x + self.output(attended.transpose(1, 2).flatten(2))
        normed = self.norms[1](x)
        return x + self.down(F.silu(self.gate(normed)) * self.up(normed)), turns


def rotate(x, turns):
    cosines, sines = turns
    low, high = x.chunk(2, -1)
    return torch.cat([low * cosines - high * sines, high * cosines + low * sines], -1)


class Llama(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.embedding = nn.Embedding(size.vocabulary, size.width)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.blocks = nn.Sequential(*(LlamaBlock(size) for _ in range(size.layers)))
        self.norm = nn.RMSNorm(size.width)
        rates = size.base ** -(torch.arange(0, size.head_width, 2) / size.head_width)
        angles = torch.outer(torch.arange(size.context), rates)
        self.turns = angles.cos(), angles.sin()
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(not size.adapters or ".adapter_" in name)

    def forward(self, x):
        return F.linear(self.norm(self.blocks((self.embedding(x), self.turns))[0]), self.embedding.weight)


def mlp():
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


def cnn():
    layer = lambda i, o: (nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(
        *layer(1, 32), *layer(32, 64), nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10)
    ).to(memory_format=torch.channels_last)


def build(name, size):
    """The model, its learning rate, inputs and targets."""
    if name == "mlp":
        return mlp(), 1e-3, torch.randn(256, 784), torch.randint(10, (256,))
    if name == "cnn":
        return cnn(), None, torch.randn(64, 1, 28, 28), torch.randint(10, (64,))
    batch = getattr(size, "batch", 1)
    x, y = torch.randint(size.vocabulary, (2, batch, size.context))
    return (GPT(size), 1e-3, x, y) if name.startswith("gpt") else (Llama(size), 1e-4, x, y)


def step(name, size, compiled, half):
    torch.manual_seed(0)
    model, rate, x, y = build(name, size)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, rate, fused=True) if rate else torch.optim.SGD(trained, 1e-2)
    forward = torch.compile(model, dynamic=False) if compiled else model

    def train_once():
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = forward(x)
        loss = F.cross_entropy(logits.float().flatten(0, -2), y.flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return train_once


harness.run(options, train.cases(step, ("eager", "compiled"), half=True))
