"""The examples in docstrings run, and print what they say."""

from __future__ import annotations

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import maskedface

PACKAGE = Path(maskedface.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__main__.py"
}
WITH_EXAMPLES = [name for name, path in MODULES.items() if ">>>" in path.read_text("utf-8")]


def test_every_module_is_imported() -> None:
    for name in MODULES:
        assert importlib.import_module(name).__name__ == name


# Two minutes for all modules.
@pytest.mark.long
@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_module_run(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = [test for test in finder.find(module, name) if test.examples]
    assert examples
    monkeypatch.chdir(tmp_path_factory.mktemp("examples"))
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for test in examples:
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.parametrize("part", maskedface.__all__)
def test_every_public_function_and_class_has_an_example(part: str) -> None:
    module = importlib.import_module(f"maskedface.{part}")
    objects = {name: getattr(module, name) for name in module.__all__}
    without = [
        name
        for name, value in objects.items()
        if (inspect.isroutine(value) or inspect.isclass(value))
        and ">>>" not in (value.__doc__ or "")
    ]
    assert not without
