"""Record what TensorFlow does in the small scripts of tests/doors/behaviours_*.txt.

    python tests/golden/record_behaviours.py      (in an environment with tensorflow)

A script starts with a line "## name"; "## name #! reason" where ours does something else. It calls
out(...) on what is to be compared, error(function) for the error that a call raises. Writes
tests/doors/behaviours.json: per script what out and error noted.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

DOORS = Path(__file__).resolve().parents[1] / "doors"
DIGITS = 4


def scripts():
    """{name: (code, why ours differs or None)} of all files."""
    found = {}
    for path in sorted(DOORS.glob("behaviours_*.txt")):
        for block in path.read_text().split("\n## ")[1:]:
            head, _, code = block.partition("\n")
            name, _, reason = head.partition(" #! ")
            if name in found:
                raise ValueError(f"{path.name}: a second script {name!r}")
            found[name.strip()] = (code, reason or None)
    return found


def described(x):
    """A value as JSON: kind, dtype, shape and rounded values of what holds numbers."""
    if x is None or isinstance(x, (bool, str)):
        return x
    if isinstance(x, dict):
        return {str(key): described(x[key]) for key in x}
    if isinstance(x, (list, tuple)) and not hasattr(x, "as_list"):
        kind = type(x).__name__
        kind = {"ListWrapper": "list", "_TupleWrapper": "tuple", "Variables": "list"}.get(
            kind, kind
        )
        return [kind, *[described(part) for part in x]]
    if hasattr(x, "indices") and hasattr(x, "values") and hasattr(x, "dense_shape"):
        return ["slices", described(x.indices), described(x.values)]
    if isinstance(x, (int, float)):
        return rounded(np.asarray(x))
    if hasattr(x, "dtype") and hasattr(x, "shape"):
        kind = "array" if isinstance(x, (np.ndarray, np.generic)) else "tensor"
        array = np.asarray(x)
        return [kind, array.dtype.name, list(array.shape), rounded(array)]
    return type(x).__name__


def rounded(array):
    """Values as text of four digits, since JSON has no nan."""
    if array.dtype.kind in "fc":
        return " ".join([f"{v + 0:.{DIGITS}g}" for v in array.ravel().tolist()])
    return " ".join([str(v) for v in array.ravel().tolist()])


def kinds(error):
    """The names of the error's class and those above it."""
    return {"error": [kind.__name__ for kind in type(error).__mro__ if kind is not object]}


def answer(code, library, folder):
    """What one script notes; the error that ends it is its last note."""
    notes = []

    def out(*values):
        notes.extend([described(value) for value in values])

    def error(call):
        try:
            notes.append(["no error", described(call())])
        except Exception as found:
            notes.append(kinds(found))

    scope = {
        "tf": library, "np": np, "out": out, "error": error, "T": library.constant,
        "V": library.Variable, "Tape": library.GradientTape, "__name__": "behaviours",
    }  # fmt: skip
    # A file, since AutoGraph reads the source of functions.
    path = Path(folder) / f"script{len(os.listdir(folder))}.py"
    path.write_text(code)
    try:
        exec(compile(code, str(path), "exec"), scope)
    except Exception as found:
        notes.append({**kinds(found), "ends": True})
    return notes


def main():
    """Record TensorFlow; with arguments show only the scripts whose names hold one of them."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow

    tensorflow.get_logger().setLevel("ERROR")
    tensorflow.autograph.set_verbosity(0)
    record = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (code, _) in scripts().items():
            record[name] = answer(code, tensorflow, folder)
            ends = record[name] and record[name][-1]
            if isinstance(ends, dict) and "ends" in ends:
                print(f"{name} ends with {ends['error'][0]}")
    (DOORS / "behaviours.json").write_text(json.dumps(record, indent=0) + "\n")


if __name__ == "__main__":
    sys.exit(main())
