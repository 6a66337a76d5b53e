"""Data-parallel training in MLX on the CPU over MPI; starts its own ranks.

    python jobs_mlx.py --case gpt_nano|mlp|gpt_small --ranks 2 --threads 1 --batch 8 --steps 25
"""
import jobs

options = jobs.flags()
if options.rank is None:
    jobs.start(options, mpi=True)
import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim

import train_mlx

group = mx.distributed.init(strict=True, backend="mpi")
model, rate, x, y = train_mlx.build(options.case, jobs.size(options))
x, y = x[: options.batch], y[: options.batch]
optimizer = optim.AdamW(rate, bias_correction=True)
mx.eval(model.parameters(), x, y)
plain = nn.value_and_grad(model, lambda m, x, y: nn.losses.cross_entropy(m(x), y, reduction="mean"))
gradient = mx.compile(lambda x, y: plain(model, x, y), inputs=model.state, outputs=model.state)


def step():
    loss, gradients = gradient(x, y)
    optimizer.update(model, nn.average_gradients(gradients, group=group))
    mx.eval(loss, model.state, optimizer.state)
    return loss.item()


def barrier():
    mx.eval(mx.distributed.all_sum(mx.array(1.0), group=group, stream=mx.cpu))


jobs.measure(options, step, barrier, group.rank())
