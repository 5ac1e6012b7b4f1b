"""Records what TensorFlow does in tests/golden/open_cases.py: run with a Python that has it.

python -m tests.golden.record_open
"""

import json
from pathlib import Path

import tensorflow as tf

from tests.golden import open_more_cases  # noqa: F401  (its cases, too)
from tests.golden.open_cases import CASES

if __name__ == "__main__":
    path = Path(__file__).parents[1] / "engine" / "open.json"
    lines = [f"{json.dumps(name)}: {json.dumps(run(tf))}" for name, run in CASES.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
