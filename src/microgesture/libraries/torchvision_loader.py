"""The one door to torchvision.

torchvision's wheel carries compiled operators (nms, RoI align, image and video codecs) that load only beside
the torch build they were compiled for. Beside another build, such as a CPU torch with a torchvision from an
accelerator index, the library does not load, and the package then fails while importing itself:
`RuntimeError: operator torchvision::nms does not exist`, because its shape functions are registered for
operators that nobody defined. transformers imports torchvision too, so `load_torchvision()` comes before it.
This project uses only the pure-Python parts (`models.video`, `transforms`),
which need none of those operators. So the missing schemas are declared through `torch.library`, without a
kernel, and the import is tried again: calling such an operator still fails, everything else works.
"""

from __future__ import annotations

import importlib
import re
import sys
from types import ModuleType

import torch

from microgesture.errors import UserError

_SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_MISSING_OPERATOR = re.compile(r"operator torchvision::(\w+) does not exist")
_declared: dict[str, torch.library.Library] = {}  # a Library takes its definitions along when it is collected


def load_torchvision() -> ModuleType:
    """The torchvision module, also where its compiled operators do not fit this build of torch.

    Raises `UserError` when torchvision is not installed or fails for another reason.
    """
    for _ in range(8):
        try:
            return importlib.import_module("torchvision")
        except ImportError as error:
            raise UserError(f"torchvision cannot be imported ({error}): pip install torchvision") from error
        except RuntimeError as error:
            missing = _MISSING_OPERATOR.search(str(error))
            _forget_half_imported()
            if missing is None or missing.group(1) in _declared:
                raise UserError(f"torchvision does not fit torch {torch.__version__}: {error}") from error
            for operator in {missing.group(1), *_SCHEMAS}:
                _declare(operator)
    raise UserError(f"torchvision does not fit torch {torch.__version__}: too many operators are missing")


def _declare(operator: str) -> None:
    """Define the schema of `torchvision::operator` without a kernel, if nobody has."""
    if hasattr(torch.ops.torchvision, operator):
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    library.define(operator + _SCHEMAS.get(operator, "(Tensor self) -> Tensor"))
    _declared[operator] = library


def _forget_half_imported() -> None:
    """Remove what a failed import of torchvision left behind, so that the next try starts anew."""
    for name in [n for n in sys.modules if n == "torchvision" or n.startswith("torchvision.")]:
        del sys.modules[name]
