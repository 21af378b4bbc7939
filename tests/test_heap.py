"""Threads share one heap, so that memory stays flat over months."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import re
from pathlib import Path
from threading import Barrier, Thread

from instrd.daemon.heap import share_heap

assert not {shared} or share_heap()
together = Barrier(8)

def work():
    together.wait()
    kept = [bytes(300) for _ in range(20_000)]
    together.wait()

threads = [Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
# A thread's own heap is a mapping without a name that begins at a multiple of 64 MiB.
starts = re.findall(r"^([0-9a-f]+)-[0-9a-f]+ rw-p 00000000 00:00 0 *$",
                    Path("/proc/self/maps").read_text(), re.M)
print(sum(int(start, 16) % (64 << 20) == 0 for start in starts))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has a heap a thread")
def test_threads_have_no_heaps_of_their_own() -> None:
    def heaps(*, shared: bool) -> int:
        run = [sys.executable, "-c", PROGRAM.format(shared=shared)]
        plain = {name: value for name, value in os.environ.items() if "MALLOC" not in name}
        done = subprocess.run(run, check=True, capture_output=True, text=True, env=plain)
        return int(done.stdout)

    assert heaps(shared=False) > 1
    assert heaps(shared=True) == 0
