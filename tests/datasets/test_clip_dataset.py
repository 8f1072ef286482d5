import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from microgesture.datasets import ClipDataset, ClipRow, make_loader
from microgesture.datasets import cache as cache_module
from microgesture.datasets.loading import epoch_order
from microgesture.errors import DataError, UserError, VideoError
from microgesture.skeletons import SkeletonTrack
from microgesture.video import VideoReader, sample_times, to_clip, write_video
from microgesture.vocabulary import Vocabulary

WORDS = Vocabulary.from_texts(["one", "two", "three"])


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> tuple[ClipRow, ...]:
    """Seven rows over three videos whose brightness grows with time, a bright spot at the left."""
    folder = tmp_path_factory.mktemp("clips")
    for name, length in (("a", 40), ("b", 30), ("c", 3)):
        frames = np.zeros((length, 48, 64, 3), np.uint8)
        frames[:] = np.linspace(20, 200, length).astype(np.uint8)[:, None, None, None]
        frames[:, 10:30, 4:20] = 255
        write_video(folder / f"{name}.mp4", frames, fps=20)
    points = np.full((40, 17, 2), (12, 20), np.float32)
    points[:, 0] = (8, 12)
    times = np.arange(40) / 20
    SkeletonTrack(times, points, np.ones((40, 17)), "coco-17", (64, 48)).save(folder / "a.npz")
    made = [
        ClipRow(folder / "a.mp4", "one", None, None, "P1", "s1", skeleton=folder / "a.npz", row=2),
        ClipRow(folder / "a.mp4", "two", 0.5, 1.5, "P1", "s1", skeleton=folder / "a.npz", row=3),
        ClipRow(folder / "b.mp4", "one", 0.2, 0.7, "P1", "s2", skeleton=folder / "a.npz", row=4),
        ClipRow(folder / "b.mp4", "three", skeleton=folder / "a.npz", row=5),
        ClipRow(folder / "c.mp4", "two", skeleton=folder / "a.npz", row=6),
        ClipRow(folder / "a.mp4", "one", 1.0, 1.2, skeleton=folder / "a.npz", row=7),
        ClipRow(folder / "b.mp4", "one", 1.0, 1.3, skeleton=folder / "a.npz", row=8),
    ]
    return tuple(made)


def dataset(rows, **options) -> ClipDataset:
    return ClipDataset(rows, WORDS, **{"frames": 8, "size": 32, **options})


def test_items_are_what_the_manifest_says(rows):
    data = dataset(rows)
    assert len(data) == 7
    assert data.labels == (0, 1, 0, 2, 1, 0, 0)
    assert data.subjects[:3] == ("s1", "s1", "s2")
    assert data.subjects[3] == rows[3].video.as_posix()
    item = data[1]
    assert (item["label"], item["index"]) == (1, 1)
    assert item["clip"].shape == (3, 8, 32, 32)
    with VideoReader(rows[1].video) as video:
        expected = to_clip(video.frames_at(sample_times(0.5, 1.5, 8)), 32)
    torch.testing.assert_close(item["clip"], expected)
    assert data[4]["clip"].shape == (3, 8, 32, 32)  # three frames, eight asked for
    assert torch.equal(data[-1]["clip"], data[6]["clip"])
    with pytest.raises(IndexError):
        data[7]


def test_training_draws_depend_on_seed_epoch_and_index_only(rows):
    options = {"training": True, "flip": True, "random_crop": 0.4, "seed": 3}
    one, two = dataset(rows, **options), dataset(rows, **options)
    for data in (one, two):
        data.set_epoch(5)
    list(two)
    torch.rand(3)
    assert torch.equal(one[2]["clip"], two[2]["clip"])
    two.set_epoch(6)
    assert not torch.equal(one[2]["clip"], two[2]["clip"])
    assert not torch.equal(one[2]["clip"], dataset(rows, **{**options, "seed": 4})[2]["clip"])


def test_half_of_the_training_clips_are_mirrored(rows):
    data = dataset(rows[:1], training=True, flip=True)
    sides = []
    for epoch in range(60):
        data.set_epoch(epoch)
        clip = data[0]["clip"][0, 0]
        sides.append(bool(clip[:, :16].mean() > clip[:, 16:].mean()))
    assert 15 < sum(sides) < 45


def test_person_crop_shows_the_person(rows):
    whole, person = dataset(rows)[0]["clip"], dataset(rows, crop="person")[0]["clip"]
    assert person[0, 0].mean() > whole[0, 0].mean() + 1
    with pytest.raises(DataError, match=r"row 2 .*needs the column 'skeleton'"):
        dataset([replace(rows[0], skeleton=None)], crop="person")


@pytest.mark.parametrize("crop", ["frame", "person"])
@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_cached_clips_equal_decoded_ones(fit, crop, rows, tmp_path):
    plain = dataset(rows, fit=fit, crop=crop)
    cached = dataset(rows, fit=fit, crop=crop, cache=tmp_path)
    for a, b in zip(plain, cached, strict=True):
        assert torch.equal(a["clip"], b["clip"])
    trained = dataset(rows, fit=fit, crop=crop, cache=tmp_path, training=True)
    moments = np.full(8, 0.5) + np.arange(8)
    centre = trained._cache[0][trained._nearest_stored(moments / 8)]
    assert torch.equal(to_clip(centre, 32, fit), plain[0]["clip"])


def test_a_cache_still_jitters_in_time(rows, tmp_path):
    data = dataset(rows, cache=tmp_path, training=True)
    clips = []
    for epoch in range(6):
        data.set_epoch(epoch)
        clips.append(data[0]["clip"].numpy().tobytes())
    assert len(set(clips)) > 3


def test_a_cache_is_decoded_once_and_goes_on_where_it_stopped(rows, tmp_path, monkeypatch):
    decoded = []
    original = ClipDataset._decode

    def counting(self, index, moments):
        decoded.append(index)
        if len(decoded) == 4:
            raise VideoError("the power went")
        return original(self, index, moments)

    monkeypatch.setattr(ClipDataset, "_decode", counting)
    monkeypatch.setattr(cache_module.os, "cpu_count", lambda: 1)
    with pytest.raises(VideoError):
        dataset(rows, cache=tmp_path)
    dataset(rows, cache=tmp_path)
    assert len(decoded) == 8  # seven clips, one of them tried twice
    again = dataset(rows, cache=tmp_path)
    assert len(decoded) == 8
    assert torch.equal(again[3]["clip"], dataset(rows)[3]["clip"])


def test_a_changed_video_makes_a_new_cache(rows, tmp_path):
    source = tmp_path / "v.mp4"
    source.write_bytes(rows[1].video.read_bytes())
    row = replace(rows[0], video=source)
    first = dataset([row], cache=tmp_path / "cache")[0]["clip"]
    source.write_bytes(rows[2].video.read_bytes())
    os.utime(source, (5, 5))
    assert not torch.equal(first, dataset([row], cache=tmp_path / "cache")[0]["clip"])


def test_a_cache_too_large_for_the_disk_is_refused(rows, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(cache_module.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UserError, match="clip cache needs"):
        dataset(rows, cache=tmp_path)


def test_bad_sources_are_named(rows, tmp_path):
    with pytest.raises(DataError, match="start 9 is past the end"):
        dataset([replace(rows[0], start=9.0, end=10.0)])[0]
    write_video(tmp_path / "late.mp4", np.zeros((20, 32, 32, 3), np.uint8), 10, times=[2 + i / 10 for i in range(20)])
    with pytest.raises(DataError, match=r"end 2 is before the picture of .*late.mp4 begins \(2.00 s\)"):
        dataset([replace(rows[0], video=tmp_path / "late.mp4", start=0.5, end=2.0)])[0]
    (tmp_path / "text.mp4").write_text("text")
    with pytest.raises(VideoError, match="not a video"):
        dataset([replace(rows[0], video=tmp_path / "text.mp4")], cache=tmp_path)
    with pytest.raises(DataError, match=r"no\.mp4"):
        dataset([replace(rows[0], video=Path("no.mp4"))], cache=tmp_path)
    with pytest.raises(DataError, match="vocabulary"):
        dataset([replace(rows[0], label="four")])


def test_batches_do_not_depend_on_workers_or_on_the_global_state(rows, tmp_path):
    data = dataset(rows, training=True, flip=True, cache=tmp_path)
    pickle.loads(pickle.dumps(data))
    torch.manual_seed(1)
    state = torch.get_rng_state()
    alone = list(make_loader(data, 2, True, seed=1, epoch=4))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    helped = list(make_loader(data, 2, True, seed=1, epoch=4, workers=2))
    assert [len(b["label"]) for b in alone] == [2, 2, 2, 1]
    for a, b in zip(alone, helped, strict=True):
        assert all(torch.equal(a[key], b[key]) for key in ("clip", "label", "index"))
    resumed = list(make_loader(data, 2, True, seed=1, epoch=4, start_batch=2))
    assert len(resumed) == 2
    assert torch.equal(resumed[0]["clip"], alone[2]["clip"])


def test_an_evaluation_sees_every_clip_once_in_order(rows):
    seen = torch.cat([b["index"] for b in make_loader(dataset(rows), 4, shuffle=False)])
    assert seen.tolist() == list(range(7))
    with pytest.raises(UserError, match="last batch"):
        make_loader(dataset(rows), 4, shuffle=False, drop_last=True)


def test_balanced_order_shows_classes_equally_often():
    labels = [0] * 90 + [1] * 9 + [2]
    order = epoch_order(labels, True, seed=0, epoch=0, balanced=True)
    assert len(order) == 100
    counts = np.bincount(np.array(labels)[order])
    assert counts.max() - counts.min() <= 1
    assert len({i for i in order if labels[i] == 0}) == counts[0]
    assert order != epoch_order(labels, True, seed=0, epoch=1, balanced=True)
    assert sorted(epoch_order(labels, True, 0, 0)) == list(range(100))
