"""Record what the real libraries say, for the tests of the doors.

    python tests/golden/record_doors.py tf      (in an environment with tensorflow)
    python tests/golden/record_doors.py torch   (in an environment with torch)

Writes tests/doors/{tf,torch}.json: the signatures of the names in our tables, what the snippets
print, and values and gradients of the cases that tests/golden/door_cases.py has written before.
"""

import contextlib
import importlib.util
import inspect
import io
import json
import os
import re
import sys
from pathlib import Path

import numpy as np

DOORS = Path(__file__).resolve().parents[1] / "doors"


def module_at(path):
    """A Python file as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def resolve(library, name):
    """library.a.b of "a.b"."""
    for part in name.split("."):
        library = getattr(library, part)
    return library


def signature(library, name):
    """[[parameter, default as text or None], ...], or None if the function has no signature."""
    try:
        parameters = inspect.signature(resolve(library, name)).parameters.values()
    except AttributeError:
        return None
    except (TypeError, ValueError):  # a builtin: its documentation starts with name(parameters)
        text = re.match(r"\s*\w+\(([^*)]*)", resolve(library, name).__doc__ or "")
        names = [] if text is None else [re.split("[=:]", n)[0].strip() for n in text[1].split(",")]
        return [[n, None] for n in names if n.isidentifier()]
    return [[p.name, None if p.default is p.empty else repr(p.default)] for p in parameters]


def outputs(snippets, *arguments):
    """{snippet: what it prints}"""
    printed = {}
    for name, function in dict(vars(snippets)).items():
        if inspect.isfunction(function) and not name.startswith("_"):
            text = io.StringIO()
            with contextlib.redirect_stdout(text):
                function(*arguments)
            printed[name] = text.getvalue()
    return printed


def texts(tf, expressions):
    """[[repr, str] of each expression, or the name of the error it raises]"""
    said = []
    for text in expressions:
        try:
            value = eval(text, {"tf": tf, "np": np, "T": tf.constant})
            said.append([repr(value), str(value)])
        except Exception as error:
            said.append(type(error).__name__)
    return said


def run_tf(tf, case):
    """Values and gradients of one case."""
    inputs = [tf.constant(np.asarray(v, d)) for v, d in zip(case["inputs"], case["dtypes"])]
    watched = [x for x in inputs if x.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        outs = resolve(tf, case["name"])(
            *([inputs] if case["as_list"] else inputs), **case["attrs"]
        )
        outs = [x for x in tf.nest.flatten(outs) if x is not None]
        target = [x for x in outs if x.dtype.is_floating]
    found = tape.gradient(target, watched) if target and watched else []
    found = [tf.convert_to_tensor(g) if g is not None else None for g in found]
    return [described(x.numpy()) for x in outs], [
        None if g is None else described(g.numpy()) for g in found
    ]


def run_torch(torch, case):
    """Values and gradients of one case."""
    inputs = [torch.tensor(np.asarray(v, d)) for v, d in zip(case["inputs"], case["dtypes"])]
    watched = [x.requires_grad_() for x in inputs if x.dtype.is_floating_point]
    outs = resolve(torch, case["name"])(*([inputs] if case["as_list"] else inputs), **case["attrs"])
    outs = list(outs) if isinstance(outs, (tuple, list)) else [outs]
    target = [x.sum() for x in outs if x.dtype.is_floating_point and x.requires_grad]
    found = torch.autograd.grad(sum(target), watched, allow_unused=True) if target else []
    return [described(x.detach().numpy()) for x in outs], [
        None if g is None else described(g.numpy()) for g in found
    ]


def described(array):
    """[dtype, values]"""
    return [array.dtype.name, np.asarray(array).tolist()]


def main(door):
    """Record one library."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    file = DOORS / f"{door}.json"
    wanted = json.loads((DOORS / f"{door}_cases.json").read_text())
    if door == "tf":
        import tensorflow as library

        printed = outputs(module_at(DOORS / "snippets_tf.py"), library, np, library.keras.layers)
        run = run_tf
    else:
        import torch as library

        printed = outputs(module_at(DOORS / "snippets_torch.py"), library, np)
        run = run_torch
    values = []
    for case in wanted["cases"]:
        try:
            values.append(run(library, case))
        except (
            Exception
        ) as error:  # said in the record: the test skips what the real library refuses
            values.append(f"{type(error).__name__}: {str(error)[:100]}")
    signatures = {name: signature(library, name) for name in wanted["names"]}
    expressions = module_at(DOORS / "expressions.py").EXPRESSIONS if door == "tf" else []
    record = {
        "texts": texts(library, expressions),
        "version": library.__version__,
        "signatures": {name: s for name, s in signatures.items() if s is not None},
        "printed": printed,
        "values": values,
    }
    file.write_text(json.dumps(record, indent=0).replace("\n", "") + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
