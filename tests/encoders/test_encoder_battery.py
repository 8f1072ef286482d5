"""What every registered encoder must do. A new architecture is tested here without another line."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from microgesture.encoders import Encoder, create_encoder, list_encoders

BATCH = 3


def parts(clip) -> list[torch.Tensor]:
    """The tensors that a clip is made of."""
    return [clip] if isinstance(clip, torch.Tensor) else [clip.rgb, clip.skeleton]


@pytest.fixture(scope="module", params=list_encoders())
def encoder(request) -> Encoder:
    torch.manual_seed(0)
    return create_encoder(request.param)


@pytest.fixture
def clip(encoder: Encoder) -> torch.Tensor:
    return encoder.example_input(BATCH)


def test_shapes(encoder, clip):
    tokens = encoder.eval()(clip)
    assert tokens.dim() == 3
    assert tokens.shape[0] == BATCH
    assert tokens.shape[2] == encoder.width
    assert encoder.pool(tokens).shape == (BATCH, encoder.width)
    assert encoder.modality in ("rgb", "skeleton", "rgb+skeleton")
    again = encoder.example_input(BATCH)
    assert all(torch.equal(a, b) for a, b in zip(parts(again), parts(clip), strict=True))


def test_batch_of_one_equals_batch_of_n(encoder, clip):
    encoder.eval()
    with torch.no_grad():
        together = encoder(clip)
        alone = torch.cat([encoder(one) for one in clip.split(1)])
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-5 * together.abs().max().item())


def test_eval_is_deterministic_and_changes_nothing(encoder, clip):
    encoder.eval()
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    with torch.no_grad():
        assert torch.equal(encoder(clip), encoder(clip))
    assert all(torch.equal(before[k], v) for k, v in encoder.state_dict().items())


def test_save_and_load(encoder, clip, tmp_path):
    path = tmp_path / "encoder.safetensors"
    save_file(encoder.state_dict(), path)
    torch.manual_seed(1)
    other = create_encoder(encoder.name, **encoder.options).eval()
    with torch.no_grad():
        assert not torch.allclose(other(clip), encoder.eval()(clip))
        other.load_state_dict(load_file(path))
        assert torch.equal(other(clip), encoder(clip))


def test_bf16_autocast_stays_close(encoder, clip):
    encoder.eval()
    with torch.no_grad():
        full = encoder.pool(encoder(clip))
        with torch.autocast("cpu", torch.bfloat16):
            half = encoder.pool(encoder(clip)).float()
    assert torch.isfinite(half).all()
    assert F.cosine_similarity(full, half, dim=1).min() > 0.99


def test_gradient_reaches_every_parameter(encoder, clip):
    encoder.train()
    encoder.zero_grad()
    torch.manual_seed(0)
    tokens = encoder(clip)
    (encoder.pool(tokens) * torch.randn(BATCH, encoder.width)).sum().backward()
    learnt = [(n, p) for n, p in encoder.named_parameters() if p.requires_grad]
    without = [n for n, p in learnt if p.grad is None or not p.grad.abs().any()]
    assert without == []


def test_other_sizes_of_clip(encoder):
    if encoder.modality != "rgb":
        pytest.skip("frame size is a matter of pixels")
    size = encoder.min_size
    with torch.no_grad():
        tokens = encoder.eval()(torch.randn(1, 3, encoder.min_frames, size + 5, size + 17))
    assert tokens.shape[1] > 0
    assert torch.isfinite(tokens).all()
