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
    root = Path(microgesture.__file__).parent
    parts = {path: ("microgesture", *path.relative_to(root).with_suffix("").parts) for path in root.rglob("*.py")}
    files = {".".join(names).removesuffix(".__init__"): path for path, names in parts.items()}
    imports = {name: imported_by(path) & files.keys() - {"microgesture", name} for name, path in files.items()}
    assert len(imports) > 300
    graphlib.TopologicalSorter(imports).prepare()  # raises CycleError with the circle


def imported_by(path: Path) -> set[str]:
    """Modules that a file imports when it is imported, and what might be one."""
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found
