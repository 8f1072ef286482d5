"""From files on disk to (clip, label): manifests now, the published data sets' own layouts beside them.

`ClipDataset` and `make_loader` need torch and are loaded when first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from microgesture.datasets.manifest import (
    ClipRow,
    Manifest,
    Problem,
    check_manifest,
    read_manifest,
    write_manifest,
)

if TYPE_CHECKING:
    from microgesture.datasets.clips import ClipDataset
    from microgesture.datasets.loading import make_loader

__all__ = [
    "ClipDataset",
    "ClipRow",
    "Manifest",
    "Problem",
    "check_manifest",
    "make_loader",
    "read_manifest",
    "write_manifest",
]


def __getattr__(name: str) -> Any:
    if name == "ClipDataset":
        from microgesture.datasets.clips import ClipDataset

        return ClipDataset
    if name == "make_loader":
        from microgesture.datasets.loading import make_loader

        return make_loader
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
