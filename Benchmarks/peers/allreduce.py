"""Times all-reduce of float32 arrays in other libraries as `mlx-train bench-collectives` does.

    python allreduce.py --peer mpi4py|torch-gloo|mlx-mpi|mlx-ring --procs 2 [--json]

Starts its own ranks on this machine. Each array is written anew before each call, as gradients are;
a call takes as long as its slowest rank, and the median is told. Needs numpy and the peer
(mpi4py, torch, or mlx with mlx-cpu).
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

import numpy as np


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", required=True, choices=["mpi4py", "torch-gloo", "mlx-mpi", "mlx-ring"])
    parser.add_argument("--procs", type=int, default=2)
    parser.add_argument("--smallest", type=int, default=1 << 10)
    parser.add_argument("--largest", type=int, default=256 << 20)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rank", type=int, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--ports", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [str(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ",".join(ports)


def launch(options):
    command = [sys.executable, os.path.abspath(__file__)] + sys.argv[1:]
    command += ["--ports", free_ports(options.procs)]
    if options.peer in ("mpi4py", "mlx-mpi"):
        root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
        mpirun = ["mpirun"] + root + ["--oversubscribe", "--bind-to", "none"]
        return subprocess.call(mpirun + ["-n", str(options.procs)] + command + ["--rank", "-1"])
    ranks = [subprocess.Popen(command + ["--rank", str(rank)]) for rank in range(options.procs)]
    return max(rank.wait() for rank in ranks)


class MPI:
    def __init__(self, options):
        from mpi4py import MPI

        self.MPI, self.world = MPI, MPI.COMM_WORLD
        self.rank = self.world.rank

    def prepare(self, count):
        self.values = np.zeros(count, np.float32)

    def write(self, value):
        self.values.fill(value)

    def reduce(self):
        self.world.Allreduce(self.MPI.IN_PLACE, self.values)

    def barrier(self):
        self.world.Barrier()

    def slowest(self, times):
        most = np.array(times)
        self.world.Allreduce(self.MPI.IN_PLACE, most, self.MPI.MAX)
        return most


class Gloo:
    def __init__(self, options):
        import torch
        import torch.distributed

        self.torch, self.rank = torch, options.rank
        torch.set_num_threads(1)
        address = "tcp://127.0.0.1:" + options.ports.split(",")[0]
        torch.distributed.init_process_group(
            "gloo", init_method=address, rank=options.rank, world_size=options.procs)

    def prepare(self, count):
        self.values = self.torch.zeros(count)

    def write(self, value):
        self.values.fill_(value)

    def reduce(self):
        self.torch.distributed.all_reduce(self.values)

    def barrier(self):
        self.torch.distributed.barrier()

    def slowest(self, times):
        values = self.torch.tensor(times, dtype=self.torch.float64)
        self.torch.distributed.all_reduce(values, self.torch.distributed.ReduceOp.MAX)
        return values.numpy()


class MLX:
    def __init__(self, options):
        backend = options.peer.split("-")[1]
        if backend == "ring":
            hosts = [["127.0.0.1:" + port] for port in options.ports.split(",")]
            with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
                json.dump(hosts, file)
            os.environ.update(MLX_HOSTFILE=file.name, MLX_RANK=str(options.rank))
        import mlx.core as mx

        mx.set_default_device(mx.cpu)
        self.mx = mx
        self.group = mx.distributed.init(strict=True, backend=backend)
        self.rank = self.group.rank()

    def prepare(self, count):
        self.count = count

    def write(self, value):
        self.values = self.mx.full((self.count,), value, dtype=self.mx.float32)
        self.mx.eval(self.values)

    def sum(self, values):
        return self.mx.distributed.all_sum(values, group=self.group, stream=self.mx.cpu)

    def reduce(self):
        self.mx.eval(self.sum(self.values))

    def barrier(self):
        self.mx.eval(self.sum(self.mx.array(1.0)))

    def slowest(self, times):
        values = self.mx.array(times, dtype=self.mx.float32)
        most = self.mx.distributed.all_max(values, group=self.group, stream=self.mx.cpu)
        return np.array(most)


def measure(peer, rounds):
    times = []
    for number in range(rounds):
        peer.write(float(number % 100 + peer.rank))
        peer.barrier()
        start = time.perf_counter()
        peer.reduce()
        times.append(time.perf_counter() - start)
    return np.sort(peer.slowest(times))


def main():
    options = arguments()
    if options.rank is None:
        sys.exit(launch(options))
    kinds = {"mpi4py": MPI, "torch-gloo": Gloo, "mlx-mpi": MLX, "mlx-ring": MLX}
    peer = kinds[options.peer](options)
    size = options.smallest
    while size <= options.largest:
        peer.prepare(size // 4)
        first = measure(peer, 3)[-1]
        rounds = int(max(5, min(2000, options.seconds / max(2 * first, 1e-6))))
        seconds = float(measure(peer, rounds)[rounds // 2])
        bus = size / seconds * 2 * (options.procs - 1) / options.procs
        if peer.rank == 0 and options.json:
            row = {"path": options.peer, "bytes": size, "ranks": options.procs}
            print(json.dumps({**row, "seconds": seconds, "bus_bandwidth": bus}), flush=True)
        elif peer.rank == 0:
            print(f"{size:10d}  {options.peer:12s} {seconds * 1e6:12.1f} us {bus / 1e9:9.3f} GB/s", flush=True)
        size *= 4


main()
