"""Import every module of the package from a folder (a wheel unpacked there), not from the source tree.

Run by `make check-wheel` in CI: a module that the wheel lacks, or that needs something undeclared, shows here.
"""

import importlib
import pkgutil
import sys
from importlib import resources

sys.path.insert(0, sys.argv[1])

package = importlib.import_module("microgesture")
if not package.__file__.startswith(str(sys.argv[1])) and sys.argv[1] not in package.__file__:
    sys.exit(f"imported {package.__file__} instead of the wheel in {sys.argv[1]}")
names = [m.name for m in pkgutil.walk_packages(package.__path__, "microgesture.") if not m.name.endswith(".__main__")]
for name in names:
    importlib.import_module(name)
for data in (
    "corpora/imigue/vocabulary.json",
    "recipes/letter/baseline.yaml",
    "corpora/imigue/recipe.yaml",
    "report/page.html",
):
    if not (resources.files("microgesture") / data).is_file():
        sys.exit(f"the wheel lacks {data}")
print(f"{len(names)} modules of the wheel import")
