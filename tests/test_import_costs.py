"""What importing and opening costs: modules that must not come along."""

import subprocess
import sys


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
