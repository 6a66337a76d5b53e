"""Single operations in PyTorch; "compiled" is torch.compile."""
import harness
import ops

options = harness.flags("torch")
import torch
from torch.nn import functional as F

torch.set_num_threads(options.threads)


def gradients(function, *inputs, cotangent):
    inputs = [x.requires_grad_() for x in inputs]

    def both():
        with torch.enable_grad():
            return torch.autograd.grad(function(*inputs), inputs, cotangent)

    return both


class Torch:
    compiled = staticmethod(lambda function: torch.compile(function, dynamic=False))
    softmax = staticmethod(lambda x: torch.softmax(x, -1))
    layer_norm = staticmethod(lambda x, weight, bias: F.layer_norm(x, weight.shape, weight, bias))
    sort = staticmethod(lambda x: torch.sort(x).values)
    sum = staticmethod(lambda axis: lambda x: x.sum(axis))
    mixture = staticmethod(lambda x: torch.tanh(x * 0.5 + 0.1) * torch.sigmoid(x) + torch.exp(-x * x))
    gelu = staticmethod(lambda x: F.gelu(x, approximate="tanh"))
    gelu_gradient = staticmethod(lambda x, d: torch.ops.aten.gelu_backward(d, x, approximate="tanh"))

    def on(self, function, *shapes, jit=True):
        inputs = [torch.randn(shape) for shape in shapes]
        return lambda: function(*inputs)

    def product(self, m, k, n, half):
        a, b = (torch.randn(s).to(torch.bfloat16 if half else torch.float32) for s in ((m, k), (k, n)))
        return lambda: a @ b

    def lookup(self, count, width, wanted):
        table, indices = torch.randn(count, width), torch.randint(0, count, (wanted,))
        return lambda: F.embedding(indices, table)

    def convolution(self, images, channels, backward):
        last = {"memory_format": torch.channels_last}  # stored as [N, H, W, C], as ours
        n, height, width, inputs = images
        x = torch.randn(n, inputs, height, width).to(**last)
        w = torch.randn(channels, inputs, 3, 3).to(**last)
        convolve = lambda x, w: F.conv2d(x, w, padding=1)
        if not backward:
            return lambda: convolve(x, w)
        return gradients(convolve, x, w, cotangent=torch.ones(n, channels, height, width).to(**last))

    def attention(self, batch, heads, length, width, backward):
        q, k, v, cotangent = (torch.randn(batch, heads, length, width) for _ in range(4))
        attend = lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return gradients(attend, q, k, v, cotangent=cotangent) if backward else lambda: attend(q, k, v)

    def waves(self, count):
        x = torch.randn(count)
        for _ in range(100):
            x = torch.sin(x) * 1.01

    def additions(self, count):
        x = torch.zeros(4)
        for _ in range(count):
            x = x + 1.0


with torch.no_grad():
    harness.run(options, ops.cases(Torch()))
