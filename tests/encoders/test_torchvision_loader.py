"""torchvision's pure-Python parts are there, whether or not its compiled operators fit this torch."""

import subprocess
import sys

import pytest

from microgesture.errors import UserError
from microgesture.libraries import torchvision_loader
from microgesture.libraries.torchvision_loader import load_torchvision


def test_models_and_transforms_can_be_used():
    torchvision = load_torchvision()
    assert load_torchvision() is torchvision
    from torchvision.models.video import R2Plus1D_18_Weights
    from torchvision.transforms import v2

    assert "KINETICS400_V1" in R2Plus1D_18_Weights.__members__
    assert v2.Compose


def test_a_failed_import_before_does_no_harm():
    script = (
        "try:\n    import torchvision\nexcept RuntimeError:\n    pass\n"
        "from microgesture.libraries.torchvision_loader import load_torchvision\n"
        "load_torchvision()\nimport torchvision\nfrom torchvision.transforms import v2"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("error", [ImportError("No module named 'torchvision'"), RuntimeError("something else")])
def test_other_failures_are_one_line(monkeypatch, error):
    def fail(_name):
        raise error

    monkeypatch.setattr(torchvision_loader, "_forget_half_imported", lambda: None)
    monkeypatch.setattr(torchvision_loader.importlib, "import_module", fail)
    with pytest.raises(UserError, match=str(error)):
        load_torchvision()
