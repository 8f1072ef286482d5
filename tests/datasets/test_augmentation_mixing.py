import numpy as np
import pytest
import torch

from microgesture.datasets.augmentation import Mixup


def batch(rows: int = 6, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "clip": torch.randn(rows, 3, 2, 4, 4, generator=generator).to(dtype),
        "label": torch.arange(rows) % 4,
        "index": torch.arange(rows),
    }


def test_clips_and_labels_are_mixed_alike():
    given = batch()
    clip = given["clip"].clone()
    mixed = Mixup(alpha=1.0).mix(given, np.random.default_rng(5), classes=4)
    rng = np.random.default_rng(5)
    rng.random()
    share = rng.beta(1.0, 1.0)
    share = max(share, 1 - share)
    others = rng.permutation(6)
    for row, other in enumerate(others):
        torch.testing.assert_close(mixed["clip"][row], share * clip[row] + (1 - share) * clip[other])
        wanted = np.zeros(4)
        wanted[row % 4] += share
        wanted[other % 4] += 1 - share
        assert np.allclose(mixed["target"][row], wanted, atol=1e-6)
    assert torch.equal(given["clip"], clip)
    assert set(given) == {"clip", "label", "index"}
    assert torch.equal(mixed["index"], given["index"])


@pytest.mark.parametrize("alpha", [0.1, 1.0, 5.0])
def test_targets_are_distributions_whose_largest_member_is_the_label(alpha):
    for seed in range(30):
        mixed = Mixup(alpha=alpha).mix(batch(4), np.random.default_rng(seed), classes=7)
        again = Mixup(alpha=alpha).mix(batch(4), np.random.default_rng(seed), classes=7)
        assert torch.equal(mixed["clip"], again["clip"])
        assert mixed["target"].shape == (4, 7)
        assert torch.allclose(mixed["target"].sum(dim=1), torch.ones(4))
        of_label = mixed["target"].gather(1, mixed["label"][:, None])[:, 0]
        assert torch.equal(of_label, mixed["target"].amax(dim=1))


def test_with_probability_0_the_targets_are_hard():
    given = batch()
    same = Mixup(probability=0.0).mix(given, np.random.default_rng(0), classes=4)
    assert torch.equal(same["clip"], given["clip"])
    assert torch.equal(same["target"], torch.eye(4)[given["label"]])


def test_one_clip_mixes_with_itself_and_half_precision_stays():
    given = batch(1, torch.bfloat16)
    mixed = Mixup(alpha=1.0).mix(given, np.random.default_rng(0), classes=4)
    assert mixed["clip"].dtype == torch.bfloat16
    assert torch.equal(mixed["clip"], given["clip"])
    assert torch.equal(mixed["target"], torch.eye(4)[:1])
