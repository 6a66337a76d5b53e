"""What this machine is."""
import ctypes.util
import glob
import os
import re


def machine():
    """The processor with its generation, how many cores this process may use, and the memory."""
    facts = dict(re.findall(r"(model name|cpu family|model)\s*: (.*)", open("/proc/cpuinfo").read()))
    name = facts.get("model name", os.uname().machine)
    if "cpu family" in facts:
        name += f" (family {facts['cpu family']}, model {facts['model']})"
    memory = int(re.search(r"MemTotal:\s+(\d+)", open("/proc/meminfo").read())[1])
    return f"{name}, {cores()} cores, {memory / 2**20:.0f} GiB"


def cores():
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def openblas():
    """The system's library; the mlx wheel's own is not optimised."""
    name = ctypes.util.find_library("openblas") or "libopenblas.so.0"
    found = glob.glob(f"/usr/lib/*/{name}") + glob.glob(f"/usr/lib64/{name}")
    return found[0] if found else None
