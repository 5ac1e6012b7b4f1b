"""Records tests/data/datasets.json: what real TensorFlow says of the programs of dataset_cases.

Run it from the root of the repository with an interpreter that has tensorflow 2.21.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import tensorflow as tf  # noqa: E402

from tests.golden.dataset_cases import PROGRAMS, outcome  # noqa: E402

found = {program: outcome(tf, program) for program in PROGRAMS}
for result in found.values():
    if "words" in result:  # a device's name and a traceback are TensorFlow's own
        text = result["words"].split("}} ")[-1].split("\nTraceback")[0]
        result["words"] = text.split(" [Op:")[0].strip()[:400]
text = json.dumps(found, indent=1)
(ROOT / "tests/data/datasets.json").write_text(text + "\n")
print(len(found), "programs")
