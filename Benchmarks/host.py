"""What this machine is."""
import os
import re


def machine():
    """The processor, how many cores this process may use, and the memory."""
    name = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())
    memory = int(re.search(r"MemTotal:\s+(\d+)", open("/proc/meminfo").read())[1])
    return f"{name[1] if name else os.uname().machine}, {cores()} cores, {memory / 2**20:.0f} GiB"


def cores():
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))
