"""Record what the real libraries answer to the small expressions of tests/doors/exactness_*.txt.

    python tests/golden/record_exactness.py tf      (in an environment with tensorflow)
    python tests/golden/record_exactness.py torch   (in an environment with torch)

Writes tests/doors/exactness_{tf,torch}.json: per expression [repr, str] of the answer, or
{"error": type, "says": first words}.
"""

import ast
import contextlib
import copy
import io
import json
import math
import operator
import os
import pickle
import re
import sys
import warnings
import weakref
from pathlib import Path

import numpy as np

DOORS = Path(__file__).resolve().parents[1] / "doors"
MODULES = {
    "copy": copy, "json": json, "math": math, "operator": operator, "pickle": pickle,
    "weakref": weakref, "np": np, "sys": sys, "warnings": warnings,
}  # fmt: skip


def scope_of(door, library):
    """The names that an expression may use."""
    if door == "torch":
        return {**MODULES, "torch": library, "T": library.tensor}
    names = {"T": library.constant, "V": library.Variable, "S": library.TensorShape}
    return {**MODULES, "tf": library, **names}


def expressions(door):
    """[(code, words that its error must hold or None, why our answer differs or None)]"""
    lines = (DOORS / f"exactness_{door}.txt").read_text().splitlines()
    found = []
    for line in lines:
        if line and line[0] != "#":
            line, _, reason = line.partition(" #! ")
            code, _, words = line.partition(" #: ")
            found.append((code.strip(), words or None, reason or None))
    return found


def value_of(code, scope):
    """What the last statement gives."""
    *first, last = ast.parse(code).body
    scope = dict(scope)
    exec(compile(ast.Module(first, []), "<expression>", "exec"), scope)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "<expression>", "eval"), scope)
    exec(compile(ast.Module([last], []), "<expression>", "exec"), scope)
    return "done"


def settled(text):
    """Without addresses, which differ from run to run."""
    return re.sub(r"0x[0-9a-f]{6,}", "0x", text)


def answer(code, scope):
    """[repr, str] of the answer, or the error that it raises."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            value = value_of(code, scope)
            return [settled(repr(value)), settled(str(value))]
        except Exception as error:
            says = " ".join(settled(str(error)).split())[:300]
            kinds = [kind.__name__ for kind in type(error).__mro__]
            return {"error": kinds[0], "is": kinds, "says": says}


def main(door):
    """Record one library."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    library = __import__({"tf": "tensorflow"}.get(door, door))
    record, scope = {}, scope_of(door, library)
    for code, words, _ in expressions(door):
        record[code] = answer(code, scope)
        if isinstance(record[code], dict):
            del record[code]["is"]
        if words is not None and words not in dict(record[code]).get("says", ""):
            print(f"{code}: {record[code]} does not hold {words!r}")
    (DOORS / f"exactness_{door}.json").write_text(json.dumps(record, indent=0) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
