"""Data-parallel training in PyTorch (DistributedDataParallel over gloo); starts its own ranks.

    python jobs_torch.py --case gpt_nano|mlp|gpt_small --ranks 2 --threads 1 --batch 8 --steps 25
"""
import jobs

options = jobs.flags()
if options.rank is None:
    jobs.start(options)
import torch
import torch.distributed as dist
from torch.nn import functional as F

import train_torch

torch.set_num_threads(options.threads)
torch.manual_seed(options.rank)
dist.init_process_group(
    "gloo", init_method=f"tcp://127.0.0.1:{options.port}", rank=options.rank, world_size=options.ranks)
model, rate, x, y = train_torch.build(options.case, jobs.size(options))
model = torch.nn.parallel.DistributedDataParallel(model)
optimizer = torch.optim.AdamW(model.parameters(), rate, fused=True)
x, y = x[: options.batch], y[: options.batch]


def step():
    loss = F.cross_entropy(model(x).flatten(0, -2), y.flatten())
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


jobs.measure(options, step, dist.barrier, options.rank)
dist.destroy_process_group()
