"""What importing and opening costs: modules that must not come along."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import microgesture


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(' '.join(sys.modules))"
    return set(
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    )


def test_importing_the_package_does_not_import_torch():
    assert not {"torch", "numpy.random", "sklearn", "pandas"} & loaded_after("import microgesture")


def test_opening_a_run_imports_neither_scikit_learn_nor_the_training_loop():
    loaded = loaded_after("import microgesture; microgesture.load()")
    assert "microgesture.training.loop" not in loaded
    assert not {"sklearn", "pandas", "accelerate", "matplotlib", "transformers"} & loaded


def test_no_modules_import_each_other_in_a_circle():
    imports = imports_of_all()
    assert len(imports) > 300
    graphlib.TopologicalSorter(imports).prepare()  # raises CycleError with the circle


def imports_of_all() -> dict[str, set[str]]:
    """What each module of the package imports of it, when it is imported."""
    root = Path(microgesture.__file__).parent
    parts = {path: ("microgesture", *path.relative_to(root).with_suffix("").parts) for path in root.rglob("*.py")}
    files = {".".join(names).removesuffix(".__init__"): path for path, names in parts.items()}
    return {name: imported_by(path) & files.keys() - {"microgesture", name} for name, path in files.items()}


FLOORS = """
errors
registry
files statistics tables settings
synthetic.people libraries progress
skeletons vocabulary
timeline
synthetic.estimator synthetic.pictures
video
synthetic.worlds
formats spotting encoders
recognition datasets
corpora
runs pose report
privacy training
analysis evaluation
emotion
reasoning
pretraining
commands
"""
"""The rooms of the package from the ground up: a module imports from its own room and from lower floors."""
FACE = {"microgesture", "microgesture.__main__"}
"""The package's face: its version is read on every floor, and `load` reaches up."""


def test_every_import_leads_down():
    floor = {room: number for number, line in enumerate(FLOORS.split("\n")) for room in line.split()}
    arrows = [
        f"{name} -> {other}"
        for name, found in imports_of_all().items()
        for other in found
        if not {name, other} & FACE
        and (room_of(name) != room_of(other))
        and floor[room_of(name)] <= floor[room_of(other)]
    ]
    assert arrows == []


def room_of(module: str) -> str:
    parts = module.split(".")[1:]
    return ".".join(parts[:2]) if parts[0] == "synthetic" else parts[0]


def imported_by(path: Path) -> set[str]:
    """Modules that a file imports when it is imported, and what might be one."""
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found
