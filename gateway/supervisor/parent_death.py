"""Tie a process's life to its parent's, so that nothing outlives a supervisor that was killed."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
# Loaded here and not after a fork, where loading a library may wait for a lock that nobody will release.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent_pid: int, death_signal: int = signal.SIGKILL) -> None:
    """Ask the kernel to end this process when its parent ends, however that happens.

    Called in the child right after the fork. Other systems than Linux have no such request: there a child
    of a killed parent stays until it is stopped by hand.

    Args:
        parent_pid: The parent as it knew itself before the fork.
        death_signal: What this process gets when its parent is gone.
    """
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent_pid:
        # The parent ended between the fork and the request: no signal will come any more.
        os._exit(1)
