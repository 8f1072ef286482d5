"""The verb `recipes`: list, print or copy the recipes of the package."""

from __future__ import annotations

import textwrap
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

from microgesture.commands.arguments import ON, arg, recipe_given, verb

_HEAD = "microgesture train METHOD --on DATA_SET --data.root FOLDER, or METHOD alone for your own --data.manifest"


@verb(
    "list, print or copy the recipes of the package",
    arg("recipe", nargs="?", help="a recipe to print in full; without one, methods, data sets and others are listed"),
    ON,
    arg("-o", "--out", help="copy the recipe to this file, to change it"),
)
def recipes(args: Namespace) -> int:
    """List all recipes, or print or copy one with everything that it extends."""
    import yaml

    from microgesture.runs.configuration import load_recipe
    from microgesture.runs.recipe_files import read_recipe, write_own_recipe

    if args.recipe is None:
        print(listed(args.on))
        return 0
    name = recipe_given(args)
    if args.out:
        write_own_recipe(name, Path(args.out))
        print(f"{args.out} is yours to change: microgesture train {args.out}")
        return 0
    values = read_recipe(name)
    values = values if values.get("kind") == "emotion" else load_recipe(name).to_dict()
    print(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), end="")
    return 0


def listed(on: str = "") -> str:
    """All methods, data sets and other recipes with their titles; with `on` the rows of that data set."""
    from microgesture.files.data_sets import RECIPE, data_sets
    from microgesture.runs.recipe_files import matching, methods, recipe_names

    if on:
        return "\n".join(_lines(matching("*", on)))
    known = methods()
    lines = [_HEAD, "", "methods"]
    lines += [f"  {short:18s} {_title(name):48s} {name}" for short, name in known.items()]
    lines += ["", "data sets, and the rows of each (`microgesture benchmark 'imigue/*'`, or '*' --on imigue)"]
    for name in data_sets(RECIPE):
        rows = ", ".join(matching("*", name))
        lines += textwrap.wrap(rows, 118, initial_indent=f"  {name:17s} ", subsequent_indent=" " * 20)
    of_data = {name for data_set in data_sets(RECIPE) for name in matching("*", data_set)}
    others = [name for name in recipe_names() if name not in of_data and name not in known.values()]
    return "\n".join([*lines, "", "other recipes", *_lines(others)])


def _lines(names: Iterable[str]) -> list[str]:
    return [f"  {name:17s} {_title(name)}" for name in names]


def _title(name: str) -> str:
    from microgesture.runs.recipe_files import read_recipe

    return str(read_recipe(name).get("title", ""))
