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

    def linear(self, m, k, n):
        x, weights = torch.randn(m, k), torch.randn(n, k)
        return lambda: F.linear(x, weights)

    def products(self, planes, n):
        a, b = torch.randn(planes, n, n), torch.randn(planes, n, n)
        return lambda: a @ b

    def means(self, shape, size, stride):
        x = torch.randn(shape).permute(0, 3, 1, 2)
        return lambda: F.avg_pool2d(x, size, stride)

    def lookup(self, count, width, wanted):
        table, indices = torch.randn(count, width), torch.randint(0, count, (wanted,))
        return lambda: F.embedding(indices, table)

    def convolution(self, images, kernels, groups, backward, half=False, stride=1, transposed=False):
        flat = len(images) == 4
        # Stored as [N, …, C], as ours.
        last = {"memory_format": torch.channels_last if flat else torch.channels_last_3d}
        turned = lambda shape: (shape[0], shape[-1], *shape[1:-1])
        dtype = torch.bfloat16 if half else torch.float32
        x, w = (torch.randn(turned(shape)).to(dtype, **last) for shape in (images, kernels))
        operation = F.conv_transpose2d if transposed else F.conv2d if flat else F.conv3d
        convolve = lambda x, w: operation(x, w, padding=1, groups=groups, stride=stride)
        if not backward:
            return lambda: convolve(x, w)
        return gradients(convolve, x, w, cotangent=torch.ones_like(convolve(x, w)).to(**last))

    def transform(self, name, shape):
        x, function = torch.randn(shape), getattr(torch.fft, name)
        x = x if name == "rfft" else x.to(torch.complex64)
        return lambda: function(x)

    def function(self, name, count):
        x, y = torch.randn(count), torch.randn(count).abs() + 0.1
        return {
            "power": lambda: torch.pow(y, x), "cube": lambda: x**3, "arctan2": lambda: torch.atan2(x, y),
            "remainder": lambda: torch.remainder(x, y), "tan": lambda: torch.tan(x),
            "gelu_erf": lambda: F.gelu(x),
        }[name]

    def joined(self, name, side):
        x, indices = torch.randn(side, side), torch.randint(0, side, (side, side))
        return {
            "concatenate": lambda: torch.cat([x, x], 1), "roll": lambda: x.roll(100, 1),
            "take_along0": lambda: x.gather(0, indices), "take_along1": lambda: x.gather(1, indices),
            "put_along0": lambda: x.scatter(0, indices, x), "put_along1": lambda: x.scatter(1, indices, x),
        }[name]

    def moment(self, name, side):
        x = torch.randn(side, side)
        return {
            "variance_axis0": lambda: x.var(0, correction=0), "variance_axis1": lambda: x.var(1, correction=0),
            "norm_rows": lambda: torch.linalg.vector_norm(x, dim=1), "logsoftmax_rows": lambda: x.log_softmax(1),
            "top10_rows": lambda: x.topk(10, 1),
        }[name]

    def normalised(self, name, batch, side, channels):
        x = torch.randn(batch, channels, side, side)
        layer = torch.nn.BatchNorm2d(channels) if name == "batchnorm" else torch.nn.GroupNorm(8, channels)
        return lambda: layer(x)

    def recurrent(self, name, batch, steps, inputs, width, backward):
        x = torch.randn(batch, steps, inputs)
        layer = getattr(torch.nn, name.upper())(inputs, width, batch_first=True)
        if not backward:
            return lambda: layer(x)
        weights = list(layer.parameters())
        return gradients(lambda x, *weights: layer(x)[0], x, *weights, cotangent=torch.ones(batch, steps, width))

    def stacked(self, side):
        parts = [torch.randn(side, side) for _ in range(side)]
        return lambda: torch.stack(parts)

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
