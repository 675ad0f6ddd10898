"""The most memory that this process ever held."""

import re
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_bytes() -> int:
    """Resident memory at its highest: interpreter, libraries and data, shared pages included.

    Linux lets ``ru_maxrss`` begin with what the parent held when it started us; ``VmHWM`` is ours.
    """
    if _STATUS.exists():
        match = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"))
        if match:
            return int(match[1]) << 10
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return highest if sys.platform == "darwin" else highest << 10
