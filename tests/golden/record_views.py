"""Record what PyTorch says about random programs of views, in-place operations and arithmetic.

    python tests/golden/record_views.py        (in an environment with torch)

Writes tests/doors/torch_views.json: for each program its statements, the errors that they raise,
the values at the end, and the gradients of its leaves.
"""

import json
import random
import sys
import warnings
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "doors" / "torch_views.json"
START = [
    "x = torch.tensor([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]], requires_grad=True)",
    "w = torch.tensor([1.5, -0.5, 0.75], requires_grad=True)",
    "c = torch.arange(6.0).reshape(2, 3)",
]
VIEWS = """{a}[0] {a}[1] {a}[-1] {a}[:1] {a}[1:] {a}[:,1] {a}[:,1:] {a}[...,::2] {a}[:] {a}.t()
{a}.view(-1) {a}.view(3,2) {a}.reshape(-1) {a}.reshape(3,2) {a}.transpose(0,1) {a}.unsqueeze(0)
{a}.unsqueeze(1) {a}.squeeze() {a}.permute(1,0) {a}.expand(2,3) {a}.expand(2,2,3) {a}.flatten()
{a}.detach() {a}[None] {a}[0,1:] {a}.view_as({b}) {a}[:2] {a}.T {a}[torch.tensor(1)]""".split()
VALUES = """{a}*2 {a}+{b} {a}*{b} {a}-{b} {a}.clone() {a}.exp() {a}.sigmoid() {a}.sum(0)
{a}[torch.tensor([1,0])] {a}[:,torch.tensor([0,2])] {a}.relu() {a}.tanh() {a}.sum() {a}[{a}>0]
{a}*{a} {a}/(1+{b}*{b}) x*1 w*3 torch.where({a}>{b},{a},{b}) torch.cat([{a},{a}])""".split()
WRITES = """{a}.mul_(2) {a}.add_({b}) {a}.mul_({b}) {a}.zero_() {a}.fill_(0.5) {a}.copy_({b})
{a}.sub_(1) {a}.exp_() {a}.sigmoid_() {a}.neg_() {a}.tanh_() {a}.pow_(2) {a}.div_(2) {a}+={b} {a}*=3
{a}[0]={b} {a}[1:]={b} {a}[0]=4.0 {a}[:,1]={b} {a}[torch.tensor([0])]={b} {a}[...,0]=w[1]
{a}[torch.tensor([0,1])]=2.0 {a}[{a}>0]=0.5 {a}[:]={b} {a}[1]={b}[0] {a}[0,1]={b}[-1]
{a}[:1].mul_(3) {a}[1].add_({b}) {a}[:,torch.tensor([0,2])]=w[:2] {a}.fill_(w[0]) {a}[-1].zero_()
{a}[:-1]={a}[1:]""".split()
UNSHAPELY = ("shape", "size", "out of bounds", "too many", "0-dim", "Dimension", "dimension",
             "must match", "expects")  # fmt: skip


def run(torch, statement, scope):
    """Execute one statement; the kind and the first words of its error, or None."""
    try:
        exec(statement, scope)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:60]}"
    return None


def tensors(torch, scope):
    """{name: tensor} of the program's variables."""
    return {n: v for n, v in scope.items() if isinstance(v, torch.Tensor)}


def outcome(torch, scope):
    """Values, what wants gradients, and the gradients of the leaves after one backward."""
    found = tensors(torch, scope)
    with torch.no_grad():
        values = {n: v.detach().tolist() for n, v in found.items()}
    wants = sorted([n for n, v in found.items() if v.requires_grad])

    def differentiate():
        total = torch.zeros(())
        for i, name in enumerate(sorted(found)):
            total = total + (found[name] * (0.5 + i)).sum()
        total.backward()

    error = run(torch, "differentiate()", {"differentiate": differentiate})
    grads = {n: found[n].grad.tolist() for n in "xw" if found[n].grad is not None}
    return {"values": values, "wants": wants, "error": error, "grads": grads if not error else None}


def statement(rng, names):
    """One random statement, and the name that it sets."""
    a, b = rng.choice(names), rng.choice([*names, "w", "c"])
    kind = rng.random()
    new = f"v{len(names)}"
    if kind < 0.34:
        text = f"{new} = {rng.choice(VIEWS)}"
    elif kind < 0.55:
        text = f"{new} = {rng.choice(VALUES)}"
    else:
        text = rng.choice(WRITES)
    text = text.format(a=a, b=b)
    return f"with torch.no_grad(): {text}" if rng.random() < 0.07 else text


def program(torch, rng, length):
    """Random statements that fit together: those that only do not fit by shape are left out."""
    scope = {"torch": torch}
    statements = [*START, "v0 = x * 1"]
    for text in statements:
        exec(text, scope)
    names = ["v0"]
    while len(statements) < length:
        text = statement(rng, [*names, *names[-2:], *(["x"] if rng.random() < 0.1 else [])])
        error = run(torch, text, scope)
        if error and any(word in error for word in UNSHAPELY):
            continue
        statements.append(text)
        names = sorted([n for n in tensors(torch, scope) if n[0] == "v"])
    return statements


def recorded(torch, statements):
    """The program's case, run from the start: what was left out may have written something."""
    scope = {"torch": torch}
    errors = [run(torch, text, scope) for text in statements]
    return {"statements": statements, "errors": errors, **outcome(torch, scope)}


def is_telling(case):
    """True for a program with finite values, and a gradient or an error to compare."""
    text = json.dumps([case["values"], case["grads"]])
    return "NaN" not in text and "Infinity" not in text and (case["error"] or case["grads"])


def main(count, seed, file):
    """Record `count` programs."""
    import torch

    warnings.simplefilter("ignore")
    rng, cases = random.Random(seed), []
    while len(cases) < count:
        case = recorded(torch, program(torch, rng, rng.randint(8, 14)))
        if is_telling(case) and (not case["error"] or rng.random() < 0.3):
            cases.append(case)
    text = ",\n".join([json.dumps(case) for case in cases])
    Path(file).write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    main(*(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]) if sys.argv[1:] else (100, 0, FILE))
