"""Objects that hold variables, as a graph: what belongs to what, by the names of attributes.

A checkpoint holds this graph beside the values, so that they find their Variables again however
these are reached: an optimizer's place in one program may be a model's attribute in another.
"""

from __future__ import annotations

from typing import Any

from framework.engine.random import SeedGenerator
from framework.engine.variable import Variable
from framework.keras.layers.layer import Layer
from framework.keras.layers.tracking import UNTRACKED
from framework.keras.metrics.metric import Metric
from framework.keras.optimizers.optimizer import Optimizer
from framework.keras.saving.weights import BOOKKEEPING

CONTAINERS = (list, tuple, dict)
KEY = "/.ATTRIBUTES/VARIABLE_VALUE"  # what TensorFlow writes behind the path of a value


def is_trackable(x: Any) -> bool:
    """Whether x may hold Variables: a Variable, layer, optimizer, metric, generator, list, tuple,
    dict, or an object whose method `checkpointed` gives its parts as {name: part}."""
    known = (Variable, Layer, Optimizer, Metric, SeedGenerator, *CONTAINERS)
    return isinstance(x, known) or (hasattr(x, "checkpointed") and not isinstance(x, type))


def children(x: Any) -> dict[str, Any]:
    """The parts of x that may hold Variables, by name."""
    found: dict = {}
    if isinstance(x, Variable):
        return found
    if hasattr(x, "checkpointed"):
        found = x.checkpointed()
    elif isinstance(x, Layer):
        hidden = UNTRACKED | BOOKKEEPING
        found = {name: part for name, part in vars(x).items() if name not in hidden}
        found["layers"] = getattr(x, "layers", None)
    elif isinstance(x, Optimizer):
        found = optimizer_parts(x)
    elif isinstance(x, Metric):
        found = dict(enumerate(x.variables))
    elif isinstance(x, SeedGenerator):
        found = {"state": x.state}
    elif isinstance(x, dict):
        found = x
    elif isinstance(x, (list, tuple)):
        found = dict(enumerate(x))
    return {str(name): part for name, part in found.items() if is_trackable(part)}


def optimizer_parts(x: Any) -> dict[str, Any]:
    """The count of steps, the rate if it is a Variable, and the states once it is built."""
    head = {"_iterations": x.iterations}
    if x._rate is not None:
        head["_learning_rate"] = x._rate
    return {**head, "_variables": list(x.variables)[len(head) :]}


def graph_of(root: Any) -> tuple[list[dict[str, int]], dict[int, tuple[str, Variable]]]:
    """(nodes, values): for each object {name: number of the part}, the root first; for each number
    of a Variable (its key in the file, itself). Objects without a Variable below them are left out.
    """
    nodes: list[dict[str, int]] = [{}]
    numbers, values = {id(root): 0}, {}
    kept, todo = [root], [(root, 0, "")]  # kept: an id stays that of one object
    for x, number, path in todo:  # grows while it is walked: breadth first, as TensorFlow's
        if isinstance(x, Variable):
            values[number] = path.removeprefix("/") + KEY, x
        for name, part in children(x).items():
            if id(part) not in numbers:
                numbers[id(part)] = len(nodes)
                nodes.append({})
                kept.append(part)
                place = name.replace(".", "..").replace("/", ".S")  # TensorFlow's escapes
                todo.append((part, numbers[id(part)], f"{path}/{place}"))
            nodes[number][name] = numbers[id(part)]
    return pruned(nodes, set(values)), values


def pruned(nodes: list[dict[str, int]], values: set[int]) -> list[dict[str, int]]:
    """The nodes without edges to objects that have no value below them."""
    above: dict[int, list[int]] = {}
    for number, parts in enumerate(nodes):
        for part in parts.values():
            above.setdefault(part, []).append(number)
    useful, todo = set(values), list(values)
    while todo:
        for number in above.get(todo.pop(), ()):
            if number not in useful:
                useful.add(number)
                todo.append(number)
    return [{k: n for k, n in parts.items() if n in useful} for parts in nodes]


def variables_below(root: Any) -> list[Variable]:
    """All Variables of the graph, each once."""
    return [v for _, v in graph_of(root)[1].values()]
