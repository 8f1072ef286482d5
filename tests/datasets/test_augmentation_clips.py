"""`ClipDataset(augment=...)`: moments, frames and labels of what training sees."""

import numpy as np
import pytest
import torch

from microgesture.datasets import ClipDataset, ClipRow, make_loader
from microgesture.datasets.augmentation import Augmentation
from microgesture.errors import RecipeError
from microgesture.video import write_video
from microgesture.vocabulary import Vocabulary

WORDS = Vocabulary.from_texts(["left ear", "right ear", "left knee", "nod"])


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Forty frames that grow brighter, dark at the left and bright at the right."""
    frames = np.zeros((40, 32, 48, 3), np.uint8)
    frames[:] = np.linspace(10, 200, 40).astype(np.uint8)[:, None, None, None]
    frames[:, :, 36:] += 50
    path = tmp_path_factory.mktemp("augmented") / "v.mp4"
    write_video(path, frames, fps=20)
    return path


def dataset(video, config, label="nod", **options) -> ClipDataset:
    rows = [ClipRow(video, label, None, None, "P1", "s1", row=2)]
    augment = None if config is None else Augmentation.from_config(config)
    options = {"frames": 8, "size": 32, "training": True, "augment": augment, **options}
    return ClipDataset(rows, WORDS, **options)


def epochs(data: ClipDataset, count: int) -> list[dict]:
    found = []
    for epoch in range(count):
        data.set_epoch(epoch)
        found.append(data[0])
    return found


def brightness(item) -> np.ndarray:
    return item["clip"][0, :, 8:24, :20].mean(dim=(1, 2)).numpy()


def is_flipped(item) -> bool:
    return bool(item["clip"][0, :, 16, 4].mean() > item["clip"][0, :, 16, -4].mean())


def test_without_augmentation_nothing_is_new(video):
    plain, empty = dataset(video, None), dataset(video, {})
    assert torch.equal(plain[0]["clip"], empty[0]["clip"])
    test_time = dataset(video, {"reverse": {"probability": 1.0}, "colour": {}}, training=False)
    assert torch.equal(test_time[0]["clip"], dataset(video, None, training=False)[0]["clip"])


@pytest.mark.parametrize("cached", [False, True])
def test_time_runs_backwards_with_and_without_a_cache(video, tmp_path, cached):
    data = dataset(video, {"reverse": {"probability": 1.0}}, cache=tmp_path if cached else None)
    for item in epochs(data, 4):
        assert (np.diff(brightness(item)) <= 1e-6).all()
        assert np.ptp(brightness(item)) > 2


def test_stored_frames_are_those_nearest_to_the_moments(video, tmp_path):
    data = dataset(video, {"temporal_crop": {"least": 0.3}}, cache=tmp_path)
    assert data._cache[0].shape[0] == 32
    moments = np.random.default_rng(0).random(200)
    stored = data._stored_moments()[data._nearest_stored(moments)]
    assert np.abs(stored - np.minimum(moments, 31 / 32)).max() <= 0.5 / 32 + 1e-9
    assert len(list(tmp_path.glob("*.sizes.npy"))) == 1
    plain = dataset(video, {"colour": {}}, cache=tmp_path)
    assert plain._cache[0].shape[0] == 16
    assert len(list(tmp_path.glob("*.sizes.npy"))) == 2
    for item, other in zip(epochs(data, 5), epochs(dataset(video, {"temporal_crop": {"least": 0.3}}), 5), strict=True):
        assert np.abs(brightness(item) - brightness(other)).max() < 0.25  # at most two frames of forty apart


def test_a_flip_changes_the_label_where_it_says_a_side(video):
    for label, other in (("left ear", "right ear"), ("right ear", "left ear"), ("nod", "nod")):
        flips = 0
        for item in epochs(dataset(video, {"flip": {}}, label), 30):
            assert item["label"] == WORDS.index(other if is_flipped(item) else label)
            flips += is_flipped(item)
        assert 5 < flips < 25
    assert not any(is_flipped(item) for item in epochs(dataset(video, {"flip": {"probability": 1.0}}, "left knee"), 5))


def test_frames_are_cropped_from_larger_ones_and_stay_equal_with_a_cache(video, tmp_path):
    config = {"resized_crop": {"scale": [0.25, 0.5]}, "rotate": {"degrees": 20}, "colour": {}}
    cached, plain = dataset(video, config, cache=tmp_path), dataset(video, config)
    assert max(cached._cache[0].shape[1:3]) == 40  # a quarter more than 32: up to half of a side is cut away
    before = cached._cache[0].copy()
    one, two = epochs(cached, 3), epochs(plain, 3)
    for a, b in zip(one, two, strict=True):
        assert a["clip"].shape == b["clip"].shape == (3, 8, 32, 32)
        assert (a["clip"] - b["clip"]).abs().mean() < 0.1  # another frame at most
    assert not torch.equal(one[0]["clip"], one[1]["clip"])
    assert np.array_equal(cached._cache[0], before)


def test_batches_do_not_depend_on_workers(video, tmp_path):
    config = {"flip": {}, "speed": {}, "rotate": {}, "frame_mask": {}}
    data = dataset(video, config, "left ear", cache=tmp_path)
    alone, helped = (next(iter(make_loader(data, 1, True, seed=1, epoch=4, workers=n))) for n in (0, 1))
    assert torch.equal(alone["clip"], helped["clip"])
    assert torch.equal(alone["label"], helped["label"])


def test_what_cannot_be_is_refused_at_once(video):
    with pytest.raises(RecipeError, match="'joint_mask' is for skeletons"):
        dataset(video, {"joint_mask": {}})
    with pytest.raises(RecipeError, match=r"data.flip and data.augment.flip are both on"):
        dataset(video, {"flip": {}}, flip=True)
