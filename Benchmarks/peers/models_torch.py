"""Training steps of models of many kinds of layers in PyTorch; the cases of `mlx-bench models`."""
import harness
import train

options = harness.flags("torch")
import torch
from torch import nn
from torch.nn import functional as F

torch.set_num_threads(options.threads)


class Residual(nn.Module):
    def __init__(self, inner, shortcut=None, last=None):
        super().__init__()
        self.inner, self.shortcut, self.last = inner, shortcut or nn.Identity(), last or nn.Identity()

    def forward(self, x):
        return self.last(self.inner(x) + self.shortcut(x))


class Mean(nn.Module):
    def __init__(self, *axes):
        super().__init__()
        self.axes = axes

    def forward(self, x):
        return x.mean(self.axes)


class ChannelsLast(nn.Module):
    """Layers that take the channels behind, between others that take them in front."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def convolved(inputs, outputs, size, stride=1, groups=1):
    """A convolution that keeps width and height, and a batch norm."""
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)


def resnet():
    def block(inputs, outputs):
        stride = 1 if inputs == outputs else 2
        inner = nn.Sequential(*convolved(inputs, outputs, 3, stride), nn.ReLU(), *convolved(outputs, outputs, 3))
        return Residual(inner, None if stride == 1 else nn.Sequential(*convolved(inputs, outputs, 1, stride)), nn.ReLU())

    sizes = (32, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128)
    return nn.Sequential(*convolved(3, 32, 3), nn.ReLU(), *(block(*size) for size in sizes), Mean(2, 3), nn.Linear(128, 10))


def mobilenet():
    def block(inputs, outputs, stride):
        return *convolved(inputs, inputs, 3, stride, inputs), nn.ReLU6(), *convolved(inputs, outputs, 1), nn.ReLU6()

    sizes = (32, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1)
    blocks = [layer for size in sizes for layer in block(*size)]
    return nn.Sequential(*convolved(3, 32, 3, 2), nn.ReLU6(), *blocks, Mean(2, 3), nn.Linear(256, 10))


class Scale(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.scale = nn.Parameter(torch.full((size,), 0.1))

    def forward(self, x):
        return self.scale * x


def convnext():
    def block():
        layers = nn.LayerNorm(96), nn.Linear(96, 384), nn.GELU(), nn.Linear(384, 96), Scale(96)
        return Residual(nn.Sequential(nn.Conv2d(96, 96, 7, 1, 3, groups=96), ChannelsLast(*layers)))

    blocks = (block() for _ in range(3))
    return nn.Sequential(nn.Conv2d(3, 96, 4, 4), ChannelsLast(nn.LayerNorm(96)), *blocks, Mean(2, 3), nn.Linear(96, 10))


class ViT(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 192, 4, 4)
        self.positions = nn.Parameter(torch.randn(64, 192) * 0.02)
        layer = lambda: nn.TransformerEncoderLayer(192, 6, 768, 0.0, F.gelu, batch_first=True, norm_first=True)
        self.blocks = nn.Sequential(*(layer() for _ in range(4)))
        self.norm, self.output = nn.LayerNorm(192), nn.Linear(192, 10)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        return self.output(self.norm(self.blocks(x)).mean(1))


def autoencoder():
    there, back = nn.Conv2d, nn.ConvTranspose2d
    return nn.Sequential(
        there(3, 32, 4, 2, 1), nn.ReLU(), there(32, 64, 4, 2, 1), nn.ReLU(),
        back(64, 32, 4, 2, 1), nn.ReLU(), back(32, 3, 4, 2, 1), nn.Sigmoid())


class UNet(nn.Module):
    def __init__(self):
        super().__init__()

        def block(inputs, outputs):
            inner = nn.Sequential(
                nn.GroupNorm(8, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, 1, 1),
                nn.GroupNorm(8, outputs), nn.SiLU(), nn.Conv2d(outputs, outputs, 3, 1, 1))
            return Residual(inner, None if inputs == outputs else nn.Conv2d(inputs, outputs, 1))

        self.wide = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1), block(64, 64))
        self.narrow = nn.Sequential(nn.Conv2d(64, 64, 3, 2, 1), block(64, 128), block(128, 128), nn.Upsample(scale_factor=2))
        self.after = nn.Sequential(block(192, 64), nn.Conv2d(64, 3, 3, 1, 1))

    def forward(self, x):
        wide = self.wide(x)
        return self.after(torch.cat([self.narrow(wide), wide], 1))


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.tokens, self.layer, self.output = nn.Embedding(1000, 128), kind(128, 256, batch_first=True), nn.Linear(256, 10)

    def forward(self, x):
        return self.output(self.layer(self.tokens(x))[0][:, -1])


class TextCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(5000, 128)
        self.patterns = nn.ModuleList(nn.Conv1d(128, 100, size) for size in (3, 4, 5))
        self.dropout, self.output = nn.Dropout(0.5), nn.Linear(300, 5)

    def forward(self, x):
        x = self.tokens(x).transpose(1, 2)
        return self.output(self.dropout(torch.cat([F.relu(pattern(x)).amax(2) for pattern in self.patterns], 1)))


class WaveNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.input, self.output = nn.Conv1d(1, 32, 1), nn.Conv1d(32, 16, 1)
        self.gates = nn.ModuleList(nn.Conv1d(32, 64, 2, dilation=2**index) for index in range(6))
        self.outputs = nn.ModuleList(nn.Conv1d(32, 32, 1) for _ in range(6))

    def forward(self, x):
        x = self.input(x)
        for gate, output in zip(self.gates, self.outputs):
            low, high = gate(F.pad(x, (gate.dilation[0], 0))).chunk(2, 1)
            x = x + output(torch.tanh(low) * torch.sigmoid(high))
        return self.output(F.relu(x))


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.output = nn.Embedding(1000, 256), nn.Linear(256, 1000)
        self.transformer = nn.Transformer(256, 8, 2, 2, 1024, 0.0, batch_first=True, norm_first=True)

    def forward(self, x):
        before = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        x = self.tokens(x)
        return self.output(self.transformer(x, x, tgt_mask=before)).transpose(1, 2)


def recommender():
    return nn.Sequential(
        nn.Embedding(100_000, 32), nn.Flatten(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 2))


adam = lambda parameters: torch.optim.Adam(parameters, 1e-3, fused=True)
momentum = lambda parameters: torch.optim.SGD(parameters, 1e-2, momentum=0.9, fused=True)
images = lambda size: lambda count: torch.randn(count, 3, size, size)
integers = lambda bound, *shape: lambda count: torch.randint(bound, (count, *shape))
classes = integers(10)
# The model, how many samples a step has, its optimizer, inputs, targets and loss.
MODELS = {
    "resnet": (resnet, 32, momentum, images(32), classes),
    "mobilenet": (mobilenet, 16, momentum, images(64), classes),
    "convnext": (convnext, 16, adam, images(64), classes),
    "vit": (ViT, 32, adam, images(32), classes),
    "autoencoder": (autoencoder, 32, adam, images(64), images(64), F.mse_loss),
    "unet": (UNet, 4, adam, images(32), images(32), F.mse_loss),
    "gru": (lambda: Recurrent(nn.GRU), 32, adam, integers(1000, 64), classes),
    "lstm": (lambda: Recurrent(nn.LSTM), 32, adam, integers(1000, 64), classes),
    "textcnn": (TextCNN, 64, adam, integers(5000, 100), integers(5)),
    "wavenet": (WaveNet, 8, adam, lambda count: torch.randn(count, 1, 2048), integers(16, 2048)),
    "seq2seq": (Seq2Seq, 16, adam, integers(1000, 64), integers(1000, 64)),
    "recommender": (recommender, 1024, adam, integers(100_000, 8), integers(2)),
}


def placed(x):
    """Images with the channels behind in memory, as convolutions like them best on this processor."""
    return x.to(memory_format=torch.channels_last) if x.ndim == 4 else x


def step(make, count, optimize, inputs, targets, loss=F.cross_entropy):
    torch.manual_seed(0)
    model, x, y = make().to(memory_format=torch.channels_last), placed(inputs(count)), placed(targets(count))
    optimizer = optimize(model.parameters())

    def train_once():
        found = loss(model(x), y)
        found.backward()
        optimizer.step()
        optimizer.zero_grad()
        return found.item()

    return train_once


harness.run(options, {
    name: train.case("samples/s", model[1], lambda m=model: step(*m)) for name, model in MODELS.items()
})
