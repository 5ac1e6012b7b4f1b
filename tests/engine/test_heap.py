"""Memory that a step frees is there for the next one, without page faults."""

import os
import subprocess
import sys

import pytest

STEPS = """
import resource, sys
import numpy as np
if len(sys.argv) > 1:
    import framework.engine
def step():
    arrays = [np.ones(3_000_000, "u1") for _ in range(8)]
    return [a[:1] for a in arrays]
for _ in range(5):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20)
"""


def faults(*arguments: str, **more: str) -> float:
    """Page faults per step of a process that may import the engine."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")} | more
    command = [sys.executable, "-c", STEPS, *arguments]
    return float(subprocess.run(command, env=env, capture_output=True, check=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_steps_reuse_their_memory():
    assert faults("engine") < 100 < faults()  # 24 MB are 5,900 pages


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_the_environment_decides():
    assert faults("engine", MALLOC_TRIM_THRESHOLD_="1000000") > 100
