"""Folders of data sets: each holds the files that say what is known of one data set.

| file | what |
|---|---|
| `vocabulary.json` | its classes (`Vocabulary.load`) |
| `protocols.json`, `published.json` | published splits and counts, published results (`corpora.published`) |
| `recipe.yaml` | what `--on DATA_SET` lays over a method's recipe (`runs.recipe_files`) |

Those of the package are found by looking into `corpora/`; `corpora.source.register_source` makes a plugin's known.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from microgesture.errors import RecipeError
from microgesture.registry import load_plugins

VOCABULARY, PROTOCOLS, PUBLISHED, RECIPE = "vocabulary.json", "protocols.json", "published.json", "recipe.yaml"
_FILES = (VOCABULARY, PROTOCOLS, PUBLISHED, RECIPE)
_added: dict[str, Path] = {}


def add_data_set(name: str, folder: Path) -> None:
    """Make the folder of a data set outside the package known. Raises `RecipeError` for a name that is taken."""
    if _in_package(name) or _added.get(name, folder) != folder:
        raise RecipeError(f"data set name '{name}' is taken")
    _added[name] = folder


def data_sets(file: str = "") -> tuple[str, ...]:
    """Names of the data sets, or of those that have the `file`: the package's, sorted, then those of plugins."""
    inside = sorted(folder.name for folder in _root().iterdir() if _in_package(folder.name))
    load_plugins()
    return tuple(name for name in (*inside, *_added) if not file or data_set_file(name, file))


def data_set_file(name: str, file: str) -> Path | None:
    """A file of a data set; None where it has none or nobody knows the data set."""
    if not _in_package(name):
        load_plugins()
    folder = _root() / name if _in_package(name) else _added.get(name)
    return folder / file if folder is not None and (folder / file).is_file() else None


def _root() -> Path:
    return Path(str(resources.files("microgesture") / "corpora"))


def _in_package(name: str) -> bool:
    return name.isidentifier() and any((_root() / name / file).is_file() for file in _FILES)
