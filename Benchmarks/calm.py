"""How much the machine does beside a measurement."""
import os
import re
import resource
import time


class Watch:
    """Watches from its making on; `elsewhere()` is the share of all cores that others had since."""

    def __init__(self):
        self.start = self.now()

    def elsewhere(self):
        busy, ours, clock = (end - begin for begin, end in zip(self.start, self.now()))
        return max(0.0, busy - ours) / (clock * os.cpu_count())

    @staticmethod
    def now():
        """Seconds of processor time of the machine, of our ended children, and of the clock."""
        user, nice, system, _, _, irq, soft, steal = map(
            int, re.match(r"cpu +" + r"(\d+) " * 8, open("/proc/stat").read()).groups())
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        ticks = user + nice + system + irq + soft + steal
        return ticks / os.sysconf("SC_CLK_TCK"), children.ru_utime + children.ru_stime, time.monotonic()
