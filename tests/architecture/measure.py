#!/usr/bin/env python3
"""Measure how a Python checkout is written: sizes, docs, complexity, layering.

Standard library only.  Reads files, imports nothing of the measured project.

    python measure.py CHECKOUT                     # one readable report
    python measure.py CHECKOUT --package framework # choose the import package
    python measure.py A B C --table                # one markdown row each
    python measure.py CHECKOUT --json              # for a trend file
    python measure.py CHECKOUT --worst 10          # longest / most complex
    python measure.py CHECKOUT --check             # exit 1 when over LIMITS
    python measure.py CHECKOUT --layers "engine data keras"   # exit 1 on an upward import
    python measure.py CHECKOUT --against anchors.jsonl   # ours beside the anchors

Definitions (all lengths are in lines):
  source     .py files of the package that are not tests
  test       .py files below a test/tests folder, or test_*.py / *_test.py / conftest.py
  code line  a line holding at least one token that is no comment and no docstring
  fn         first line of `def` to its last line, decorators left out
  fn code    the code lines of fn (docstring, comments and blanks left out)
  public     no leading underscore, at module level or directly in a public class
  complexity 1 + branch points (if/for/while/except/assert/case/and/or/?:/comprehension)
  cycle      strongly connected set of modules, by imports executed at import time
             (imports inside functions or under TYPE_CHECKING are counted apart)
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import statistics
import sys
import tokenize
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

SKIP = {
    ".git",
    "build",
    "dist",
    "node_modules",
    "__pycache__",
    ".venv",
    "venv",
    "third_party",
    "_vendor",
    "vendor",
    "autogen",
}
TEST_DIRS = {"test", "tests", "testing_tests"}
BRANCHES = (
    ast.If,
    ast.IfExp,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.Assert,
    ast.comprehension,
    ast.match_case,
)
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.With, ast.AsyncWith, ast.Match)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# Upper limits for --check; a name ending in "_min" is a lower limit.
LIMITS = {
    "file_max": 400,
    "file_median": 150,
    "fn_median": 10,
    "fn_p95": 40,
    "fn_max": 80,
    "complexity_p95": 8,
    "complexity_max": 15,
    "args_p95": 6,
    "depth_p95": 3,
    "cycles": 0,
    "folder_cycles": 0,
    "doc_public_pct_min": 90,
    "doc_module_pct_min": 100,
    "annotated_pct_min": 80,
    "duplicate_fns": 0,
    "lines_over_100": 0,
    "syntax_errors": 0,
}


@dataclass
class Function:
    """One `def`, wherever it stands."""

    where: str
    lines: int
    code: int
    complexity: int
    depth: int
    args: int
    public: bool
    documented: bool
    annotated: bool
    body_key: str


@dataclass
class File:
    """One source or test file."""

    path: Path
    lines: int = 0
    code: int = 0
    comments: int = 0
    docstring: int = 0
    todos: int = 0
    long_lines: int = 0
    functions: list[Function] = field(default_factory=list)
    classes: dict[str, list[str]] = field(default_factory=dict)
    public_classes: list[bool] = field(default_factory=list)  # documented?
    has_module_doc: bool = False
    imports: list[tuple[str, bool]] = field(default_factory=list)  # (dotted name, at import time)
    error: bool = False


# ------------------------------------------------------------------ finding files


def python_files(root: Path) -> list[Path]:
    """Every .py file below root, without build products and vendored code."""
    return sorted(p for p in root.rglob("*.py") if not SKIP & set(p.relative_to(root).parts))


def is_test(path: Path) -> bool:
    """Whether a path (relative to the checkout) is test code."""
    name = path.name
    return (
        bool(TEST_DIRS & set(path.parts[:-1]))
        or name.startswith("test_")
        or name.endswith("_test.py")
        or name == "conftest.py"
    )


def guess_package(root: Path) -> Path:
    """The folder with the most Python below it that has an __init__.py, at the top or in src/."""
    homes = [root, root / "src", root / "python"]
    found = [
        d
        for home in homes
        if home.is_dir()
        for d in home.iterdir()
        if (d / "__init__.py").exists()
        and d.name not in TEST_DIRS | {"docs", "examples", "benchmarks"}
    ]
    return max(found, key=lambda d: len(list(d.rglob("*.py"))), default=root)


# ------------------------------------------------------------------ reading a file


def docstring_node(node: ast.AST) -> ast.Expr | None:
    """The docstring expression of a module, class or function."""
    body = getattr(node, "body", None)
    if (
        body
        and isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    ):
        return body[0]
    return None


def line_kinds(text: str, tree: ast.Module) -> tuple[set[int], set[int], set[int]]:
    """Line numbers of code, comments and docstrings."""
    doc: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)) and (d := docstring_node(node)):
            doc.update(range(d.lineno, d.end_lineno + 1))
    code, comments = set(), set()
    blank = {
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
        tokenize.ENCODING,
    }
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comments.add(token.start[0])
        elif token.type not in blank:
            code.update(range(token.start[0], token.end[0] + 1))
    return code - doc, comments, doc


def own_nodes(function: ast.AST):
    """Nodes of a function without those of the functions and classes nested in it."""
    todo = list(ast.iter_child_nodes(function))
    while todo:
        node = todo.pop()
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            continue
        yield node
        todo.extend(ast.iter_child_nodes(node))


def complexity(function: ast.AST) -> int:
    """McCabe's number, counted simply."""
    nodes = list(own_nodes(function))
    return (
        1
        + sum(isinstance(n, BRANCHES) for n in nodes)
        + sum(len(n.values) - 1 for n in nodes if isinstance(n, ast.BoolOp))
    )


def depth(node: ast.AST) -> int:
    """Deepest nesting of blocks (an elif does not nest)."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, depth(child) + (isinstance(child, BLOCKS) and not is_elif))
    return deepest


def read_function(node, where: str, public: bool, code: set[int]) -> Function:
    args = [
        a
        for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        if a.arg not in ("self", "cls")
    ]
    body = [s for s in node.body if s is not docstring_node(node)]
    key = ast.dump(ast.Module(body, [])) if len(list(ast.walk(ast.Module(body, [])))) > 60 else ""
    return Function(
        where=f"{where}:{node.lineno} {node.name}",
        lines=node.end_lineno - node.lineno + 1,
        code=sum(n in code for n in range(node.lineno, node.end_lineno + 1)),
        complexity=complexity(node),
        depth=depth(node),
        args=len(args),
        public=public,
        documented=docstring_node(node) is not None,
        annotated=all(a.annotation for a in args) and (node.returns is not None),
        body_key=key,
    )


def visit(
    node: ast.AST, file: File, where: str, code: set[int], public: bool, at_import: bool
) -> None:
    """Walk a file once, collecting functions, classes and imports."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FUNCTIONS):
            visible = public and not child.name.startswith("_")
            file.functions.append(read_function(child, where, visible, code))
            visit(child, file, where, code, False, False)
        elif isinstance(child, ast.ClassDef):
            visible = public and not child.name.startswith("_")
            file.classes[child.name] = [
                ast.unparse(b).split("[")[0].split(".")[-1] for b in child.bases
            ]
            if visible:
                file.public_classes.append(docstring_node(child) is not None)
            visit(child, file, where, code, visible, at_import)
        elif isinstance(child, ast.Import):
            file.imports += [(alias.name, at_import) for alias in child.names]
        elif isinstance(child, ast.ImportFrom):
            base = "." * child.level + (child.module or "")
            sep = "" if base.endswith(".") else "."
            file.imports += [(f"{base}{sep}{alias.name}", at_import) for alias in child.names]
        else:
            typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            visit(child, file, where, code, public, at_import and not typing_only)


def read_file(path: Path, root: Path) -> File:
    text = path.read_text(encoding="utf-8", errors="replace")
    rows = text.splitlines()
    file = File(
        path,
        lines=len(rows),
        long_lines=sum(len(r) > 100 for r in rows),
        todos=sum("TODO" in r or "FIXME" in r or "XXX" in r for r in rows),
    )
    try:
        tree = ast.parse(text)
        code, comments, doc = line_kinds(text, tree)
    except (SyntaxError, tokenize.TokenError, ValueError):
        file.error = True
        return file
    file.code, file.comments, file.docstring = len(code), len(comments), len(doc)
    file.has_module_doc = docstring_node(tree) is not None
    visit(tree, file, str(path.relative_to(root)), code, True, True)
    return file


# ------------------------------------------------------------------ imports


def module_name(path: Path, home: Path) -> str:
    """Dotted name of a file, `home` being the folder that holds the package."""
    parts = list(path.relative_to(home).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def home_of(package: Path) -> Path:
    """The folder on sys.path: the first one above the package that is itself no package."""
    home = package.parent
    while (home / "__init__.py").exists():
        home = home.parent
    return home


def import_graph(files: list[File], package: Path, lazy: bool) -> dict[str, set[str]]:
    """Module -> modules of the same package that it names in an import."""
    home = home_of(package)
    names = {module_name(f.path, home) for f in files}
    graph: dict[str, set[str]] = {}
    for f in files:
        me = module_name(f.path, home)
        inside = me if f.path.name == "__init__.py" else me.rpartition(".")[0]
        edges = graph.setdefault(me, set())
        for target, at_import in f.imports:
            if not (at_import or lazy):
                continue
            dots = len(target) - len(target.lstrip("."))
            if dots:
                base = inside.split(".")[: len(inside.split(".")) - dots + 1]
                target = ".".join([*base, target[dots:]])
            while target and target not in names:  # x.y.name -> x.y
                target = target.rpartition(".")[0]
            if target and target != me:
                edges.add(target)
    return graph


def by_folder(graph: dict[str, set[str]], package: Path) -> dict[str, set[str]]:
    """Collapse modules to the first folder (or file) below the package, its __init__ left out."""
    level = len(package.relative_to(home_of(package)).parts)
    short = {m: ".".join(m.split(".")[: level + 1]) for m in graph if m.count(".") >= level}
    out: dict[str, set[str]] = {}
    for m in short:
        out.setdefault(short[m], set()).update(
            short[t] for t in graph[m] if t in short and short[t] != short[m]
        )
    return out


def upward_imports(graph: dict[str, set[str]], package: str, layers: str) -> list[str]:
    """Imports that climb; `layers`: folders low to high, comma-joined ones may not meet."""
    rank = {
        f"{package}.{name}": (level, name)
        for level, group in enumerate(layers.split())
        for name in group.split(",")
    }

    def layer_of(module):
        while module not in rank and "." in module:
            module = module.rpartition(".")[0]
        return rank.get(module)

    bad = []
    for module, targets in graph.items():
        for target in targets:
            here, there = layer_of(module), layer_of(target)
            if here and there and here != there and there[0] >= here[0]:
                bad.append(f"{module} imports {target}")
    return sorted(bad)


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected components of two or more nodes (Kosaraju, without recursion)."""

    def order(g, starts):
        seen, out = set(), []
        for start in starts:
            group, stack = [], [(start, iter(g.get(start, ())))] if start not in seen else []
            seen.add(start)
            while stack:
                node, rest = stack[-1]
                for nxt in rest:
                    if nxt not in seen:
                        seen.add(nxt)
                        stack.append((nxt, iter(g.get(nxt, ()))))
                        break
                else:
                    stack.pop()
                    group.append(node)
            if group:
                out.append(group)
        return out

    reverse: dict[str, set[str]] = {}
    for a, targets in graph.items():
        for b in targets:
            reverse.setdefault(b, set()).add(a)
    finished = [n for group in order(graph, list(graph)) for n in group]
    return sorted((g for g in order(reverse, finished[::-1]) if len(g) > 1), key=len, reverse=True)


# ------------------------------------------------------------------ figures


def quantile(values: list[int], q: float) -> int:
    return sorted(values)[min(len(values) - 1, int(q * len(values)))] if values else 0


def percent(part: int, whole: int) -> int:
    return round(100 * part / whole) if whole else 0


def class_depth(files: list[File]) -> int:
    """Longest chain of subclasses inside the package, by bare class name."""
    bases = {name: b for f in files for name, b in f.classes.items()}

    def height(name, seen=()):
        if name not in bases or name in seen:
            return 0
        return 1 + max((height(b, (*seen, name)) for b in bases[name]), default=0)

    return max((height(n) for n in bases), default=0)


def measure(root: Path, package: Path) -> tuple[dict, list[File]]:
    """All figures of one checkout, and the source files they came from."""
    everything = python_files(root)
    in_package = [p for p in everything if p.is_relative_to(package)]
    source = [read_file(p, root) for p in in_package if not is_test(p.relative_to(root))]
    tests = [read_file(p, root) for p in everything if is_test(p.relative_to(root))]
    functions = [fn for f in source for fn in f.functions]
    lengths = [f.lines for f in source if f.lines > 0]
    public = [fn for fn in functions if fn.public]
    public_classes = [d for f in source for d in f.public_classes]
    code = sum(f.code for f in source)
    now = import_graph(source, package, lazy=False)
    ever = import_graph(source, package, lazy=True)
    module_cycles = cycles(now)
    folder_cycles = cycles(by_folder(now, package))
    copies = Counter(fn.body_key for fn in functions if fn.body_key)
    figures = {
        "files": len(source),
        "lines": sum(lengths),
        "code": code,
        "file_median": round(statistics.median(lengths or [0])),
        "file_p95": quantile(lengths, 0.95),
        "file_max": max(lengths, default=0),
        "functions": len(functions),
        "fn_median": round(statistics.median([f.lines for f in functions] or [0])),
        "fn_p95": quantile([f.lines for f in functions], 0.95),
        "fn_max": max((f.lines for f in functions), default=0),
        "fn_code_median": round(statistics.median([f.code for f in functions] or [0])),
        "fn_code_p95": quantile([f.code for f in functions], 0.95),
        "complexity_p95": quantile([f.complexity for f in functions], 0.95),
        "complexity_max": max((f.complexity for f in functions), default=0),
        "depth_p95": quantile([f.depth for f in functions], 0.95),
        "args_p95": quantile([f.args for f in functions], 0.95),
        "class_depth": class_depth(source),
        "doc_public_pct": percent(
            sum(f.documented for f in public) + sum(public_classes),
            len(public) + len(public_classes),
        ),
        "doc_module_pct": percent(sum(f.has_module_doc for f in source), len(source)),
        "annotated_pct": percent(sum(f.annotated for f in functions), len(functions)),
        "comment_per_100_code": percent(sum(f.comments for f in source), code),
        "docstring_per_100_code": percent(sum(f.docstring for f in source), code),
        "test_files": len(tests),
        "test_code": sum(f.code for f in tests),
        "test_ratio": round(sum(f.code for f in tests) / code, 2) if code else 0,
        "cycles": len(module_cycles),
        "cycle_largest": len(module_cycles[0]) if module_cycles else 0,
        "cycles_with_lazy": len(cycles(ever)),
        "lazy_imports": sum(not t for f in source for _, t in f.imports),
        "folder_cycles": len(folder_cycles),
        "folder_cycle_largest": len(folder_cycles[0]) if folder_cycles else 0,
        "duplicate_fns": sum(n - 1 for n in copies.values() if n > 1),
        "todos": sum(f.todos for f in source),
        "lines_over_100": sum(f.long_lines for f in source),
        "syntax_errors": sum(f.error for f in source),
    }
    return figures, source


# ------------------------------------------------------------------ printing


def print_report(name: str, figures: dict) -> None:
    print(f"{name}")
    for key, value in figures.items():
        print(f"  {key:24} {value:>8}")


def print_row(name: str, figures: dict, head: bool) -> None:
    if head:
        print("| project | " + " | ".join(figures) + " |")
        print("|---" * (len(figures) + 1) + "|")
    print(f"| {name} | " + " | ".join(str(v) for v in figures.values()) + " |")


def print_worst(root: Path, files: list[File], count: int) -> None:
    functions = [fn for f in files for fn in f.functions]
    rankings = {
        "longest files": [(f.lines, str(f.path.relative_to(root))) for f in files],
        "longest functions": [(fn.lines, fn.where) for fn in functions],
        "most complex functions": [(fn.complexity, fn.where) for fn in functions],
    }
    for title, rows in rankings.items():
        print(f"  {title}")
        for number, where in sorted(rows, reverse=True)[:count]:
            print(f"    {number:6} {where}")


def print_against(figures: dict, anchors: list[dict]) -> None:
    """Our figures beside the spread of the anchors'."""
    print(
        f"{'figure':24} {'ours':>8} {'low':>8} {'median':>8} {'high':>8}"
        f"   (of {len(anchors)} anchors)"
    )
    for key, value in figures.items():
        others = sorted(a[key] for a in anchors if key in a)
        if others:
            middle = round(statistics.median(others), 2)
            print(f"{key:24} {value:>8} {others[0]:>8} {middle:>8} {others[-1]:>8}")


def over_limits(figures: dict) -> list[str]:
    out = []
    for key, limit in LIMITS.items():
        lower = key.endswith("_min")
        value = figures[key.removesuffix("_min")]
        if value < limit if lower else value > limit:
            bound = "at least" if lower else "at most"
            out.append(f"{key.removesuffix('_min')} = {value}, {bound} {limit} wanted")
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", nargs="+", type=Path)
    parser.add_argument("--package", help="folder of the import package, relative to the checkout")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--worst", type=int, default=0)
    parser.add_argument(
        "--cycles", action="store_true", help="list the modules of each import cycle"
    )
    parser.add_argument("--check", action="store_true")
    parser.add_argument(
        "--layers", help='folders low to high, e.g. "engine data,distributed keras tf,torch"'
    )
    parser.add_argument(
        "--against", type=Path, metavar="JSONL", help="file of --json lines to compare with"
    )
    options = parser.parse_args()
    bad = []
    for number, root in enumerate(p.resolve() for p in options.checkout):
        package = root / options.package if options.package else guess_package(root)
        figures, files = measure(root, package)
        if options.json:
            print(
                json.dumps(
                    {"name": root.name, "package": str(package.relative_to(root)), **figures}
                )
            )
        elif options.table:
            print_row(root.name, figures, head=number == 0)
        elif options.against:
            print_against(
                figures, [json.loads(row) for row in options.against.read_text().splitlines()]
            )
        else:
            print_report(f"{root.name} ({package.relative_to(root)})", figures)
        if options.worst:
            print_worst(root, files, options.worst)
        if options.cycles:
            for group in cycles(import_graph(files, package, lazy=False)):
                print(f"  cycle of {len(group)} modules: {' '.join(sorted(group)[:12])}")
            for group in cycles(by_folder(import_graph(files, package, lazy=False), package)):
                print(f"  cycle of {len(group)} folders: {' '.join(sorted(group)[:12])}")
        if options.layers:
            graph = import_graph(files, package, lazy=True)
            bad += upward_imports(
                graph, module_name(package / "__init__.py", home_of(package)), options.layers
            )
        if options.check:
            bad += over_limits(figures)
    for line in bad:
        print(f"wrong: {line}", file=sys.stderr)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
