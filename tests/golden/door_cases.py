"""The cases of the door tables: each entry x each sample of its op, in the other library's words.

`python -m tests.golden.door_cases` writes tests/doors/{tf,torch}_cases.json, which record_doors.py
reads in the environments of the real libraries.
"""

import inspect
import json
from pathlib import Path

import numpy as np

from framework.engine.op import Op
from tests.golden import door_extras

DOORS = Path(__file__).resolve().parents[1] / "doors"
TF_MODULES = ("", "math.", "nn.", "linalg.", "random.", "nest.", "errors.")


def functions_of(door, prefix=""):
    """{name: function} of the public functions of a door module."""
    found = {name: getattr(door, name) for name in dir(door) if not name.startswith("_")}
    return {prefix + name: f for name, f in found.items() if inspect.isfunction(f)}


def table(library):
    """All public functions of a door, under their dotted names."""
    if library.__name__ == "framework.torch":
        own = functions_of(library.autograd, "autograd.")
        return functions_of(library) | {n: own[n] for n in ("autograd.backward", "autograd.grad")}
    found = functions_of(library)
    for prefix in ("math", "nn", "linalg", "random", "nest", "debugging", "bitwise", "test"):
        module = getattr(library, prefix)
        own = functions_of(module, f"{prefix}.")
        found |= {n: f for n, f in own.items() if is_public(f, n.split(".")[1])}
    return found


def is_public(function, name):
    """False for helpers of a door module."""
    helpers = "renamed tensor call as_tensor stream is_nested pair matching between choices"
    helpers += " quotient alike matrix_norm only_adjoint shape_of check_norm check_list check_order"
    helpers += " require_seeds shown compared against_zero prefix integers shifted"
    return name not in helpers.split()


def cases(library):
    """Every entry that was made by `renamed` from an op, on every sample of the op."""
    seen, found = set(), []
    for name, function in table(library).items():
        op = getattr(function, "op", None)
        if type(op) is not Op or id(function) in seen:
            continue
        seen.add(id(function))
        for sample in op.samples:
            attrs = {
                theirs: sample.attrs[ours]
                for ours, theirs in function.attrs.items()
                if ours in sample.attrs
            }
            if set(sample.attrs) - set(function.attrs):
                continue  # an attr that this door pins or lacks
            required = inspect.signature(function).parameters
            for ours, theirs in function.attrs.items():
                if theirs not in attrs and required[theirs].default is inspect.Parameter.empty:
                    attrs[theirs] = inspect.signature(op).parameters[ours].default
            arrays = sample.arrays(0, np.float64)
            found.append(
                {
                    "name": name,
                    "inputs": [a.tolist() for a in arrays],
                    "dtypes": [a.dtype.name for a in arrays],
                    "attrs": attrs,
                    "as_list": function.inputs[0].startswith("*"),
                }
            )
    return found


def extra(name, inputs, attrs):
    """One case of door_extras.py."""
    rng = np.random.default_rng(len(inputs))
    as_list = bool(inputs) and inputs[0] == "list"
    inputs = inputs[1:] if as_list else inputs
    arrays = [np.array(x) if isinstance(x, list) else rng.normal(size=x) for x in inputs]
    dtypes = ["int32" if a.dtype.kind == "i" and name[:2] != "di" else a.dtype.name for a in arrays]
    values = [a.tolist() for a in arrays]
    return {"name": name, "inputs": values, "dtypes": dtypes, "attrs": attrs, "as_list": as_list}


def main():
    """Write both files."""
    import framework as tf
    import framework.torch as torch

    for name, library, extras in (("tf", tf, door_extras.TF), ("torch", torch, door_extras.TORCH)):
        found = cases(library) + [extra(*case) for case in extras]
        text = json.dumps({"names": sorted(table(library)), "cases": found}, indent=0)
        (DOORS / f"{name}_cases.json").write_text(text.replace("\n", "") + "\n")


if __name__ == "__main__":
    main()
