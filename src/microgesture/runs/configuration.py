"""The recipe: one dataclass that is the Python signature, the YAML keys and the command-line flags at once.

A recipe file may begin with `extends: other/recipe`: its keys are laid over the other recipe's, so a row of a
table is written as the difference to the row it is compared with (`recipe_files`). Unknown keys are an error
(`RecipeError`).
This module imports no torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from microgesture.errors import RecipeError
from microgesture.files.plain_json import parse_json
from microgesture.runs.recipe_files import read_recipe
from microgesture.settings import KINDS, check_settings, listed, within
from microgesture.skeletons.layout_files import as_layout, described, layout_beside

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser


@dataclass
class DataConfig:
    """Which clips, and how a clip is read."""

    manifest: str = ""
    """Manifest CSV or Parquet (video,start,end,label,person,subject,split), PYSKL pickle, or a folder as for `root`."""
    root: str = ""
    """Folder of a data set: prepared (`microgesture data prepare`), or as its owners hand it out."""
    source: str = ""
    """Layout of that folder (imigue, smg, ma52, letter_clips, class_folders, elan, pyskl); empty: found out."""
    protocol: str = ""
    """Which of the published splits; empty: the layout's own default."""
    test_subjects: list[str | int] | str | int = field(default_factory=list)
    """Hold these subjects out for testing, whatever the splits say: names, numbers, ranges (36-40), one or a list."""
    on_problem: Literal["refuse", "skip"] = "refuse"
    """What to do with rows that cannot be used: refuse to train, or leave them out."""
    vocabulary: str = ""
    """imigue, smg, ma52 or a file; empty: vocabulary.json beside the manifest, else the labels found."""
    frames: int = within(32, 1)
    """Frames a clip, uniform over it in time."""
    size: int = within(112, 16)
    """Height and width the encoder sees, pixels."""
    fit: Literal["pad", "crop", "stretch"] = "pad"
    """How a frame becomes a square: padded (nothing is cut off), centre-cropped, or squashed."""
    crop: Literal["frame", "person", "released"] = "frame"
    """The whole frame, a square around the person where a skeleton track is known, or the middle (65 % of the width,
    88 % of the height) that the paper's released code shows."""
    flip: bool = False
    """Mirror half of the training clips."""
    random_crop: float = within(0.0, 0, below=1)
    """Training only: largest share of the side that a random crop may take away."""
    stream: Literal["joint", "bone", "joint-motion", "bone-motion"] = "joint"
    """Skeletons: places, bones, or the change of either over time."""
    layout: str | dict[str, Any] = ""
    """Skeletons: the layout that they are read in, one of the package or a layout file (`.yaml`) of your own, for files
    that do not say what their points are; empty: `layout.yaml` beside the data, else by the files."""
    normalise: Literal["body", "view", "none"] = "body"
    """Skeletons: relative to the person's own place and size; turned to one view and within [-1, 1] (P&C); or in the
    units of the files."""
    sampling: Literal["uniform", "strided", "last", "last-repeated"] = "uniform"
    """Skeletons: moments evenly over the clip, or frames as published systems choose them (`datasets.frame_choice`)."""
    background: float = within(0.0, 0)
    """Clips of "No gesture" cut from between the training clips of whole films, as a share of their number."""
    space: Literal["pixels", "metres"] = "pixels"
    """Kinect skeleton files: the joints in the picture, or in space (3D), which no video shows later. A prepared folder
    must hold the same."""
    augment: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Training only: pieces of augmentation by name, each with its options (`microgesture.datasets.augmentation`)."""
    balanced: bool = False
    """Draw training clips so that every class is seen equally often."""
    cache: bool = True
    """Decode every clip once into a memory-mapped array beside the manifest."""
    workers: int = within(0, 0)
    """Loader processes; 0 reads in the training process, which is enough with the cache."""

    def __post_init__(self) -> None:
        self.test_subjects = [*self.held_out]  # one spelling in config.json

    @property
    def held_out(self) -> list[str]:
        """`test_subjects` as a list of texts; a text alone may hold several with commas between."""
        given = self.test_subjects
        subjects = given if isinstance(given, list) else str(given).split(",")
        return [text for subject in subjects if (text := str(subject).strip())]


@dataclass
class Component:
    """A registered name (or `file.py:Class`, `package.module:Class`) and its options."""

    name: str = "none"
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class OptimiserConfig:
    """The defaults are the paper's."""

    name: Literal["adamw", "sgd", "muon"] = "adamw"
    """AdamW; SGD with Nesterov momentum as the published skeleton networks were trained; or Muon for the encoder's
    matrices beside AdamW for the rest, which learns from fewer steps."""
    momentum: float = within(0.9, 0, below=1)
    """sgd alone."""
    lr_encoder: float = within(1e-4, 0)
    lr_text: float = within(1e-5, 0)
    lr_heads: float = within(1e-3, 0)
    weight_decay: float = within(1e-3, 0)
    batch: int = within(32, 1)
    """Clips a step over all processes together."""
    epochs: int = within(30, 1)
    least_steps: int = within(0, 0)
    """A small data set is passed more often than `epochs` times, until so many steps are taken; it is still validated
    about `epochs` times."""
    stop_after: int = within(8, 0)
    """A small data set that `least_steps` passes more often ends sooner: after so many validations that bring nothing
    better, over three more; 0: never."""
    schedule: Literal["plateau", "cosine", "trapezoid", "constant"] = "plateau"
    """plateau: the released ReduceLROnPlateau on the validation loss; cosine: warm-up, then to zero; trapezoid:
    warm-up, a long level stretch, then straight to zero over the last `cooldown` of the steps."""
    cooldown: float = within(0.2, 0, 1)
    """trapezoid: share of the steps in which the rate falls."""
    average: float = within(0.0, 0, below=1)
    """Keep, validate and save a moving average of the weights with this decay a step (0.999); 0: the last weights."""
    factor: float = within(0.8, above=0, below=1)
    patience: int = within(1, 0)
    warmup: float = within(0.1, 0, 1)
    """cosine: share of the steps in which the rate rises."""
    clip_norm: float = within(0.0, 0)
    """Largest gradient norm; 0: unlimited."""


@dataclass
class TrainingConfig:
    """How the loop runs."""

    seed: int = within(0, 0, 2**31 - 1)
    precision: Literal["auto", "no", "bf16", "fp16"] = "auto"
    """auto: bf16 where the hardware computes in it, else fp32."""
    channels_last: bool = True
    """Memory layout of clips and convolutions: 1.4 to 2 times faster on a CPU."""
    keep: Literal["best", "last"] = "best"
    """Which weights the run keeps: the best on the validation split, or the last."""
    checkpoint_minutes: float = within(5.0, 0)
    """A checkpoint is also written in the middle of an epoch when this much time has passed."""
    checkpoint_steps: int = within(0, 0)
    """And every so many steps; 0: by time alone."""
    tensorboard: bool = False
    """Write curves for TensorBoard (extra `tensorboard`)."""


@dataclass
class Recipe:
    """One row of one table: data, encoder, text encoder, objective, optimiser, loop.

    `start` names a run folder, or a recipe whose run of the same seed is meant, from which the weights of
    the encoder and what else fits are taken (stage 2 starts from stage 1).
    """

    title: str = ""
    """Name of the row in tables."""
    data: DataConfig = field(default_factory=DataConfig)
    encoder: Component = field(default_factory=lambda: Component("r2plus1d_18"))
    text: Component = field(default_factory=Component)
    objective: Component = field(default_factory=lambda: Component("supervised"))
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    start: str = ""
    published: str = ""
    """Row of the published results to stand beside this one: table/row, e.g. imigue_recognition/ST-GCN."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a recipe file holds them."""
        return asdict(self)


_WRONG_VALUE = re.compile(
    r'Parser key "(?P<name>[\w.]+)": Expected a '
    r"(?:<class '(?P<kind>bool|int|float|str)'>|typing\.Literal\[(?P<choices>.+)\])\. Got value: (?P<value>.*)"
)
_PARTS = ("data", "encoder", "text", "objective", "optimiser", "training")


def make_recipe(values: Mapping[str, Any], flags: Sequence[str] = (), source: str = "recipe") -> Recipe:
    """A checked `Recipe` from a mapping and command-line flags (`--optimiser.epochs 3`, `--config my.yaml`).

    Raises `RecipeError` in one line for unknown keys and values of the wrong type.
    """
    parser = _parser()
    try:
        for key, value in values.items():
            if key in _PARTS and not isinstance(value, Mapping):
                raise RecipeError(f"{source}: {key} is a mapping of keys, not {value!r}")
        base = parser.parse_object(dict(values))
        namespace = parser.parse_args(list(flags), namespace=base)
        recipe = parser.instantiate(namespace)
    except RecipeError:
        raise
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("argparse", "jsonargparse"):
            raise
        raise RecipeError(f"{source}: {_one_line(error)}") from error
    keys = ("title", *_PARTS, "start", "published")
    result = Recipe(**{key: getattr(recipe, key) for key in keys})
    _settle_layouts(result)
    for part in _PARTS:
        check_settings(getattr(result, part), f"{source}: {part}.")
    return result


def load_recipe(name: str, flags: Sequence[str] = ()) -> Recipe:
    """Read a recipe by name or file and lay the flags over it; `layout.yaml` beside the data is their layout."""
    recipe = make_recipe(read_recipe(name), flags, name)
    find_layout(recipe)
    return recipe


def find_layout(recipe: Recipe) -> None:
    """Put the layout that lies beside the data of a recipe into it, unless it has one.

    Raises `DataError` when `layout.yaml` is no layout.
    """
    place = recipe.data.manifest or recipe.data.root
    if place and not recipe.data.layout and (found := layout_beside(place)) is not None:
        recipe.data.layout = described(found)


def _settle_layouts(recipe: Recipe) -> None:
    """Layout files of a recipe as what stands in them, so that a run needs no file later.

    Raises `DataError` naming the file and the entry.
    """
    if recipe.data.layout:
        recipe.data.layout = described(as_layout(recipe.data.layout))
    given = recipe.encoder.options.get("layout", "")
    if isinstance(given, Mapping) or str(given).lower().endswith((".yaml", ".yml")):
        recipe.encoder.options["layout"] = described(as_layout(given))


def recipe_from_run(folder: str | Path) -> Recipe:
    """The recipe that a run folder was trained with."""
    path = Path(folder) / "config.json"
    try:
        values = parse_json(path.read_text("utf-8"))["recipe"]
    except FileNotFoundError:
        raise RecipeError(f"'{folder}' is not a run folder: it has no config.json") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecipeError(f"{path}: not the configuration of a run ({error})") from error
    return make_recipe(values, (), str(path))


def _parser():
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog="microgesture train RECIPE", allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config", action="config", help="YAML laid over the recipe")
    parser.add_class_arguments(Recipe)
    return parser


def _one_line(error: Exception) -> str:
    """What jsonargparse says, its account of a wrong value in our words."""
    text = " ".join(str(error).split())
    found = _WRONG_VALUE.fullmatch(text)
    if found is None:
        return text
    kind = KINDS[found["kind"]] if found["kind"] else listed(found["choices"].replace("'", "").split(", "))
    return f"{found['name']} must be {kind}, got {found['value']!r}"


def dataclass_from_flags(kind: type, flags: Sequence[str], source: str, values: Mapping[str, Any] | None = None) -> Any:
    """A configuration dataclass from `values` and command-line flags (`--window_s 2`, dashes allowed, or `--config
    my.yaml`) laid over them.

    Raises `RecipeError` in one line for unknown flags and wrong values; `--help` prints the flags.
    """
    return dataclass_from_mapping(kind, values or {}, [_spelled(flag) for flag in flags], source)


def given_by_flags(kind: type, flags: Sequence[str], source: str) -> dict[str, Any]:
    """The fields of a configuration dataclass that flags give, with their values, to lay over another object of it.

    Raises `RecipeError` as `dataclass_from_flags` does.
    """
    with _parsing(kind, source) as parser:
        given = parser.parse_args([_spelled(flag) for flag in flags], defaults=False).as_dict()
    given.pop("config", None)
    kind(**given)
    return given


def _spelled(flag: str) -> str:
    """A flag's name with underscores, its value as it is."""
    name, equals, value = flag.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value if flag.startswith("--") else flag


def dataclass_from_mapping(kind: type, values: Mapping[str, Any], flags: Sequence[str], source: str) -> Any:
    """A configuration dataclass from a mapping with flags laid over it; errors as in `make_recipe`."""
    with _parsing(kind, source) as parser:
        made = parser.instantiate(parser.parse_args(list(flags), namespace=parser.parse_object(dict(values))))
    return kind(**{f.name: getattr(made, f.name) for f in fields(kind)})


@contextmanager
def _parsing(kind: type, source: str) -> Iterator[ArgumentParser]:
    """A parser of the fields of a dataclass, whose errors are `RecipeError`s of one line."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog=source, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config", action="config", help="YAML laid over the recipe")
    parser.add_class_arguments(kind)
    try:
        yield parser
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("argparse", "jsonargparse"):
            raise
        raise RecipeError(f"{source}: {_one_line(error)}") from error


def configuration_help(kind: type) -> str:
    """What the flags of a configuration dataclass mean, with their defaults."""
    from jsonargparse import ArgumentParser, set_parsing_settings

    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = ArgumentParser(prog="", allow_abbrev=False, add_help=False, print_config=None)
    parser.add_argument("--config", action="config", help="YAML with the same keys, laid over the defaults")
    parser.add_class_arguments(kind)
    return "configuration:" + parser.format_help().partition("\n\n")[2].removeprefix("options:")
