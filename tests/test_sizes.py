"""How large a file and a function may be, so that a stranger reads one in a sitting."""

from __future__ import annotations

import ast
import io
import statistics
import tokenize
from pathlib import Path

import pytest

import maskedface

PACKAGE = Path(maskedface.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
LINES, MEDIAN, BODY, PARAMETERS = 300, 110, 50, 8
# More parameters, each for a reason: what Keras' own `fit` is for a model, `train` and `search` are for a
# recipe; a data set has all that decides its batches; a layer's kernel is one function of its tensors.
EXCEPTIONS = {"train", "search", "as_tf_dataset", "FaceHyperModel.__init__", "_lay"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def docstring(node: ast.AST) -> set[int]:
    if not isinstance(node, ast.Module | ast.ClassDef | Function):
        return set()
    first = node.body[0] if node.body else None
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return set()
    if not isinstance(first.value.value, str):
        return set()
    return set(range(first.lineno, (first.end_lineno or first.lineno) + 1))


def code_lines(path: Path) -> int:
    """Lines with code on them: no blank ones, comments or docstrings."""
    text = path.read_text(encoding="utf-8")
    no_code = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in (*no_code, tokenize.ENDMARKER):
            lines |= set(range(token.start[0], token.end[0] + 1))
    docs = [docstring(node) for node in ast.walk(ast.parse(text))]
    return len(lines - set().union(*docs))


def functions(path: Path) -> list[tuple[str, Function]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    owners = {
        id(part): node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for part in node.body
    }
    found = [node for node in ast.walk(tree) if isinstance(node, Function)]
    return [(f"{owners[id(n)]}.{n.name}" if id(n) in owners else n.name, n) for n in found]


# The whole package is parsed.
@pytest.mark.long
def test_files_are_read_in_a_sitting() -> None:
    sizes = {path.relative_to(PACKAGE): code_lines(path) for path in FILES}
    assert not {path: size for path, size in sizes.items() if size > LINES}
    assert statistics.median(sizes.values()) <= MEDIAN


def test_functions_are_short_and_take_few_arguments() -> None:
    found = []
    for path in FILES:
        for name, node in functions(path):
            length = (node.end_lineno or node.lineno) - max({node.lineno, *docstring(node)})
            words = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            count = len([word for word in words if word.arg not in ("self", "cls")])
            if length > BODY:
                found.append(f"{path.relative_to(PACKAGE)}: {name} has {length} lines")
            if count > PARAMETERS and name not in EXCEPTIONS:
                found.append(f"{path.relative_to(PACKAGE)}: {name} takes {count} arguments")
    assert not found
