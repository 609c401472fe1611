"""Who may import whom, and what importing the package costs."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

import maskedface
from maskedface.training import Run

PACKAGE = Path(maskedface.__file__).parent
LEAVES = {
    *("images", "datasets", "geometry", "atomic_file", "locks", "extras", "masking", "conversion"),
    *("names", "array_file", "checks", "cache_folder", "progress", "quiet", "reprs"),
    *("compilation_cache", "device_memory"),
    *("recipes", "evaluation", "losses"),
}
MAY_USE = {
    **{leaf: set() for leaf in LEAVES},
    "compilation_cache": {"cache_folder"},
    "geometry": {"names"},
    "masking": {"geometry", "names"},
    "evaluation": {"names", "reprs"},
    "conversion": {"atomic_file", "extras"},
    "images": {"extras", "progress"},
    "datasets": {
        *("geometry", "images", "layers", "masking", "atomic_file", "locks", "extras", "names"),
        *("cache_folder", "reprs"),
    },
    "audit": {
        *("atomic_file", "datasets", "extras", "geometry", "images", "masking", "names", "reprs"),
    },
    "synthetic": {"datasets", "geometry", "masking"},
    "masked_faces": {"audit", "datasets", "geometry", "images", "masking", "names"},
    "metrics": {"losses"},
    "recipes": {"names"},
    "landmarks": {
        *("datasets", "geometry", "images", "extras", "models", "atomic_file", "cache_folder"),
        *("names", "progress", "quiet", "reprs"),
    },
    "layers": {"geometry", "masking", "names"},
    "models": {"conversion", "device_memory", "geometry", "layers", "names"},
    "training": LEAVES | {"models", "layers", "engines"},
    "tuning": LEAVES | {"models", "layers", "training"},
    "recognition": {
        *("extras", "models", "geometry", "evaluation", "training", "datasets", "atomic_file"),
        *("landmarks", "masking", "names", "array_file", "images", "audit", "engines", "synthetic"),
        *("locks", "progress", "reprs", "cache_folder", "conversion", "exporting"),
    },
    "serving": {"recognition", "extras", "images", "masking", "names", "evaluation", "locks"},
    "clustering": {
        *("atomic_file", "evaluation", "images", "masking", "names", "progress", "recognition"),
        "reprs",
    },
    "engines": {"atomic_file", "evaluation", "extras", "geometry", "models", "names"},
    "exporting": {"engines", "models", "extras", "names", "quiet"},
    "reporting": LEAVES | {"models", "training", "tuning", "audit", "exporting"},
}
# These use every part.
WHOLE = {"cli", "__init__", "__main__"}
NOT_ON_WINDOWS = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
NEVER_TENSORFLOW = {
    "models",
    "losses",
    "metrics",
    "recipes",
    "evaluation",
    "conversion",
    "geometry",
}
# Each backend differentiates in its own way; imported when it is Keras' own.
DIFFERENTIATES = PACKAGE / "evaluation" / "explanation.py"
FILES = sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    # The TFDS builder reads what the audit finds usable, and the audit reads indexes.
    return "masked_faces" if "masked_faces" in path.parts else first.removesuffix(".py")


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@functools.cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@functools.cache
def imports(path: Path) -> set[str]:
    """Every module that a file imports, at the top or inside a function, by its dotted name."""
    found = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.add(node.module or "")
            found.update(f"{node.module}.{name.name}" for name in node.names)
    return found


def not_allowed(path: Path) -> set[str]:
    """The parts that a file imports and may not."""
    parts = {name.split(".")[1] for name in imports(path) if name.startswith("maskedface.")}
    own = part_of(path)
    return parts - {"__version__", "checks", own} - MAY_USE[own]


def test_every_part_is_known_here() -> None:
    known = {*MAY_USE, *WHOLE}
    assert not {name_of(path) for path in FILES if part_of(path) not in known}


def test_a_file_imports_only_what_its_part_may() -> None:
    inner = [path for path in FILES if part_of(path) not in WHOLE]
    assert not {name_of(path): bad for path in inner if (bad := not_allowed(path))}


def test_only_the_parts_that_may_import_tensorflow() -> None:
    without = [path for path in FILES if part_of(path) in NEVER_TENSORFLOW]
    assert not [
        name_of(path)
        for path in without
        if path != DIFFERENTIATES and "tensorflow" in {name.split(".")[0] for name in imports(path)}
    ]


def test_no_file_imports_what_windows_lacks() -> None:
    found = {p: {name.split(".")[0] for name in imports(p)} & NOT_ON_WINDOWS for p in FILES}
    assert not {name_of(path): names for path, names in found.items() if names}


def test_only_the_commands_print() -> None:
    printing = [name_of(path) for path in FILES if any(is_print(node) for node in nodes(path))]
    assert not [name for name in printing if not name.startswith("cli/")]


def is_print(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"


def test_importing_the_package_loads_neither_tensorflow_nor_keras() -> None:
    code = (
        "import maskedface, sys; print(sorted({'tensorflow', 'keras', 'numpy'} & set(sys.modules)))"
    )
    assert run_python(code) == "[]"


def test_a_recognizer_is_imported_without_keras() -> None:
    code = (
        "import sys\n"
        "from maskedface.recognition import Gallery, Recognizer, identify_all\n"
        "from maskedface.landmarks import Cascade\n"
        "print(sorted({'tensorflow', 'keras', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    assert run_python(code) == "[]"


def test_listing_and_splitting_load_neither_tensorflow_nor_keras() -> None:
    code = (
        "import maskedface, sys; maskedface.datasets.split_by_image; "
        "print(sorted({'tensorflow', 'keras', 'tensorflow_datasets'} & set(sys.modules)))"
    )
    assert run_python(code) == "[]"


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--data", "nowhere", "--recipe", "cosine_margn", "--run", "r"],
        ["train", "--data", "nowhere", "--recipe", "cosine_margin", "--run", "r"],
        [
            "train",
            "--data",
            "nowhere",
            "--recipe",
            "cosine_margin",
            "--set",
            "epoch=3",
            "--run",
            "r",
        ],
        ["tune", "--data", "nowhere", "--recipe", "cosine_margn", "--search", "s"],
        [
            "tune",
            "--data",
            "nowhere",
            "--recipe",
            "cosine_margin",
            "--space",
            "papre",
            "--search",
            "s",
        ],
        ["evaluate", "nowhere"],
        ["evaluate", "dlib", "--protocol", "lfv"],
        ["report", "nowhere"],
        ["identify", "--gallery", "nowhere", "photo"],
        ["verify", "nowhere", "photo"],
        ["enroll", "--gallery", "g.npz", "nowhere"],
        ["export", "nowhere", "--to", "onnx", "--out", "o.onnx"],
        ["gallery", "list", "--gallery", "nowhere.npz"],
        ["serve", "--gallery", "nowhere.npz"],
        ["serve", "--gallery", "nowhere.npz", "--model", "dlib", "--host", "0.0.0.0"],
    ],
    ids=" ".join,
)
def test_wrong_words_end_before_keras_is_imported(words: list[str]) -> None:
    code = (
        "import sys\n"
        "from maskedface.cli.main import main\n"
        f"assert main({words}) == 2\n"
        "print(sorted({'tensorflow', 'keras', 'keras_tuner', 'sklearn'} & set(sys.modules)))"
    )
    assert run_python(code).splitlines()[-1] == "[]"


def test_finished_runs_are_evaluated_without_keras(open_run: Run) -> None:
    code = (
        "import sys\n"
        "from maskedface.cli.main import main\n"
        f"assert main(['evaluate', {open_run.path!r}]) == 0\n"
        "print(sorted({'tensorflow', 'keras', 'sklearn'} & set(sys.modules)))"
    )
    assert run_python(code).splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "code",
    [
        "from maskedface.cli.main import main; assert main(['weights', 'list']) == 0",
        "from maskedface.cli.main import main; assert main(['weights', 'list', 'dlib']) == 0",
        "from maskedface import models; assert models.PRESETS['dlib'].alignment == 'dlib'",
    ],
)
def test_the_presets_are_told_without_keras(code: str) -> None:
    loaded = "print(sorted({'tensorflow', 'keras', 'h5py', 'sklearn'} & set(sys.modules)))"
    assert run_python(f"import sys\n{code}\n{loaded}").splitlines()[-1] == "[]"


def test_the_help_of_the_command_loads_no_command() -> None:
    code = (
        "import sys\n"
        "from maskedface.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'rich', 'PIL'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    assert run_python(code).splitlines()[-1] == "[]"


def test_every_part_is_reached_from_the_package() -> None:
    for name in maskedface.__all__:
        assert getattr(maskedface, name)


def test_an_unknown_part_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="attribute nothing"):
        maskedface.nothing  # noqa: B018


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()
