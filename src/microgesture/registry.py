"""One registry for everything that can be plugged in: a member is one file.

`Registry` imports every module of its package on first use; what is decorated `@register("name")` there is then known
by that name. A user's own file needs no edit of the package. Either it is named where a name is expected, as
`path/to/file.py:Name` or `package.module:Name`; or it registers its members itself and is loaded with
`microgesture --plugin path/to/file.py VERB ...` (or `MICROGESTURE_PLUGINS`, file names joined as in PATH; or an entry
point of the group "microgesture" of an installed package).
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from microgesture.errors import RecipeError, UserError

T = TypeVar("T")
M = TypeVar("M")

PLUGINS = "MICROGESTURE_PLUGINS"
"""Environment variable: Python files that register members of their own; read by worker processes, too."""

_loaded: set[str] = set()


class Registry(Generic[T]):
    """Names to members (classes, functions or objects).

    `kind` is the word for messages, `package` where the members' files are; `base` the class that every member derives
    from (None: members are no classes); `error` what is raised for a name that is not there.
    """

    def __init__(self, kind: str, package: str, base: type | None = None, error: type[UserError] = RecipeError) -> None:
        self.kind, self.package, self.base, self.error = kind, package, base, error
        self._members: dict[str, T] = {}
        self._discovered = False

    def register(self, name: str) -> Callable[[M], M]:
        """Decorator: make a member known as `name`. Raises `RecipeError` when another member has that name."""

        def decorate(member: M) -> M:
            self.add(name, member)  # type: ignore[arg-type]
            return member

        return decorate

    def add(self, name: str, member: T) -> None:
        """Make a member known as `name`. Raises `RecipeError` when another member has that name."""
        known = self._members.get(name)
        if known is not None and _address(known) != _address(member):
            raise RecipeError(f"{self.kind} name '{name}' is taken by {'.'.join(_address(known))}")
        self._members[name] = member

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Whatever is registered within is forgotten at the end."""
        self.discover()
        before = dict(self._members)
        try:
            yield
        finally:
            self._members = before

    @contextmanager
    def replaced(self, name: str, member: T) -> Iterator[None]:
        """For a while `name` is another member, as tests want it."""
        with self.restored():
            self._members[name] = member
            yield

    def names(self) -> tuple[str, ...]:
        """All registered names, sorted."""
        self.discover()
        return tuple(sorted(self._members))

    def members(self) -> dict[str, T]:
        """All members by name, in the order in which they were registered."""
        self.discover()
        return dict(self._members)

    def find(self, name: str) -> T:
        """The member of a registered name, of `file.py:Name` or of `package.module:Name`.

        Raises the registry's error when there is none, naming the known ones.
        """
        if name not in self._members and ":" in name:
            return self._own(name)
        self.discover()
        try:
            return self._members[name]
        except KeyError:
            known = ", ".join(self.names())
            raise self.error(f"no {self.kind} '{name}': known are {known}, or give your own as file.py:Name") from None

    def create(self, name: str, *arguments: Any, **options: Any) -> Any:
        """What the member `name` makes when it is called; `options` go to it by keyword.

        Raises `RecipeError` for an unknown name, an unknown option (naming the known ones) or a value that is refused.
        """
        make: Any = self.find(name)
        signature = inspect.signature(make)
        open_ended = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
        known = list(signature.parameters)[len(arguments) :]
        for option in options:
            if option not in known and not open_ended:
                listed = ", ".join(known) or "none"
                raise RecipeError(f"{self.kind} '{name}' has no option '{option}': known are {listed}")
        try:
            signature.bind(*arguments, **options)
            return make(*arguments, **options)
        except (TypeError, ValueError) as error:
            raise RecipeError(f"{self.kind} '{name}': {error}") from error

    def discover(self) -> None:
        """Import the modules of the package, once, and the plugins that are new."""
        if not self._discovered:
            self._discovered = True  # before: a module may ask while it is imported
            try:
                package = importlib.import_module(self.package)
                for module in pkgutil.iter_modules(package.__path__, self.package + "."):
                    importlib.import_module(module.name)
            except BaseException:
                self._discovered = False
                raise
        load_plugins()

    def _own(self, name: str) -> T:
        source, _, attribute = name.rpartition(":")
        try:
            module = import_file(Path(source)) if source.endswith(".py") else importlib.import_module(source)
        except UserError:
            raise
        except Exception as error:  # a user's file may fail in any way
            raise self.error(f"{self.kind} '{name}': {source} cannot be imported ({error})") from error
        member = getattr(module, attribute, None)
        if self.base is not None and not (isinstance(member, type) and issubclass(member, self.base)):
            wanted = f"{self.base.__module__}.{self.base.__name__}"
            raise self.error(f"{self.kind} '{name}': {source} has no class '{attribute}' derived from {wanted}")
        if member is None:
            raise self.error(f"{self.kind} '{name}': {source} has no '{attribute}'")
        return member  # type: ignore[return-value]


def add_plugin(path: str) -> None:
    """Have a Python file loaded by this process and by those that it starts. Raises `RecipeError` when it is none."""
    file = Path(path).expanduser().resolve()
    if not file.is_file():
        raise RecipeError(f"--plugin: no file {path}")
    os.environ[PLUGINS] = os.pathsep.join(dict.fromkeys([*_plugin_files(), str(file)]))


def load_plugins() -> None:
    """Import the files of `PLUGINS` and the entry points of installed packages, each once.

    Raises `RecipeError` naming the one that cannot be imported.
    """
    _load_new(_plugin_files(), lambda file: import_file(Path(file)))
    points = _entry_points()
    _load_new(points, lambda name: points[name].load())


@cache
def _entry_points() -> dict[str, EntryPoint]:
    """Those of installed packages; the disk is asked once."""
    return {f"{point.name} ({point.value})": point for point in entry_points(group="microgesture")}


def _load_new(names: Iterable[str], load: Callable[[str], Any]) -> None:
    for name in names:
        if name not in _loaded:
            _loaded.add(name)
            try:
                load(name)
            except UserError:
                raise
            except Exception as error:  # a plugin may fail in any way
                raise RecipeError(f"plugin {name} cannot be imported ({error})") from error


def _plugin_files() -> list[str]:
    return [name for name in os.environ.get(PLUGINS, "").split(os.pathsep) if name]


def import_file(path: Path) -> Any:
    """Import a Python file under a name of its own, once. Raises `RecipeError` when there is none."""
    path = path.expanduser().resolve()
    if not path.is_file():
        raise RecipeError(f"no file {path}")
    name = "microgesture_own_" + "".join(c if c.isalnum() else "_" for c in str(path.with_suffix("")))
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise RecipeError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _address(member: Any) -> tuple[str, str]:
    """Module and name: what makes two members the same when a file is imported twice."""
    named = member if hasattr(member, "__qualname__") else type(member)
    return named.__module__, named.__qualname__ if named is member else f"{named.__qualname__} {id(member)}"
