"""A registry that finds its members by itself: an architecture (or an objective) is one file.

`Registry` imports every module of a package on first use; a class decorated `@register("name")` is then known
by that name. A user's own class needs no registration: `path/to/file.py:ClassName` or
`package.module:ClassName` names it.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import nn

from microgesture.encoders.encoder import Encoder
from microgesture.errors import RecipeError

T = TypeVar("T", bound=nn.Module)
C = TypeVar("C", bound=type)


class Registry(Generic[T]):
    """Names to classes. `kind` is the word for messages, `package` where the members' files lie, `base` the
    class that every member derives from."""

    def __init__(self, kind: str, package: str, base: type[T]) -> None:
        self.kind = kind
        self.package = package
        self.base = base
        self._classes: dict[str, type[T]] = {}
        self._discovered = False

    def register(self, name: str) -> Callable[[C], C]:
        """Decorator: make a class known as `name`. Raises `RecipeError` when another class has that name."""

        def decorate(cls: C) -> C:
            known = self._classes.get(name)
            if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
                raise RecipeError(f"{self.kind} name '{name}' is taken by {known.__module__}.{known.__qualname__}")
            self._classes[name] = cls
            return cls

        return decorate

    def names(self) -> tuple[str, ...]:
        """All registered names, sorted."""
        self._discover()
        return tuple(sorted(self._classes))

    def find(self, name: str) -> type[T]:
        """The class of a registered name, of `file.py:ClassName` or of `package.module:ClassName`.

        Raises `RecipeError` when there is none, naming the known ones.
        """
        if ":" in name:
            return self._own_class(name)
        self._discover()
        try:
            return self._classes[name]
        except KeyError:
            known = ", ".join(self.names())
            raise RecipeError(
                f"no {self.kind} '{name}': known are {known}, or give your own as file.py:ClassName"
            ) from None

    def create(self, name: str, *arguments: Any, **options: Any) -> T:
        """An instance of the class `name`; `options` go to it by keyword.

        Raises `RecipeError` for an unknown name, an unknown option (naming the known ones) or a value that the
        class refuses.
        """
        cls = self.find(name)
        signature = inspect.signature(cls)
        open_ended = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
        known = list(signature.parameters)[len(arguments) :]
        for option in options:
            if option not in known and not open_ended:
                listed = ", ".join(known) or "none"
                raise RecipeError(f"{self.kind} '{name}' has no option '{option}': known are {listed}")
        try:
            signature.bind(*arguments, **options)
            return cls(*arguments, **options)
        except (TypeError, ValueError) as error:
            raise RecipeError(f"{self.kind} '{name}': {error}") from error

    def _discover(self) -> None:
        if self._discovered:
            return
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__, self.package + "."):
            importlib.import_module(module.name)
        self._discovered = True

    def _own_class(self, name: str) -> type[T]:
        source, _, class_name = name.rpartition(":")
        try:
            module = _import_file(Path(source)) if source.endswith(".py") else importlib.import_module(source)
        except RecipeError:
            raise
        except Exception as error:  # a user's file may fail in any way
            raise RecipeError(f"{self.kind} '{name}': {source} cannot be imported ({error})") from error
        cls = getattr(module, class_name, None)
        if not (isinstance(cls, type) and issubclass(cls, self.base)):
            wanted = f"{self.base.__module__}.{self.base.__name__}"
            raise RecipeError(f"{self.kind} '{name}': {source} has no class '{class_name}' derived from {wanted}")
        return cls


def _import_file(path: Path) -> Any:
    """Import a Python file under a name of its own, once."""
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


_ENCODERS: Registry[Encoder] = Registry("encoder", "microgesture.encoders", Encoder)
register = _ENCODERS.register
"""Decorator `@register("name")` for an `Encoder` class."""


def create_encoder(name: str, **options: Any) -> Encoder:
    """Build an encoder by name (`list_encoders()`), `file.py:ClassName` or `package.module:ClassName`.

    Raises `RecipeError` for an unknown name or option, naming the known ones.
    """
    encoder = _ENCODERS.create(name, **options)
    encoder.name = name
    encoder.options = dict(options)
    return encoder


def encoder_class(name: str) -> type[Encoder]:
    """The class of an encoder by name, as `create_encoder` finds it. Raises `RecipeError` when there is none."""
    return _ENCODERS.find(name)


def encoder_parameters(name: str) -> tuple[str, ...]:
    """Names of the options that an encoder takes."""
    return tuple(inspect.signature(encoder_class(name)).parameters)


def list_encoders() -> tuple[str, ...]:
    """Names of all encoders of the package, sorted."""
    return _ENCODERS.names()
