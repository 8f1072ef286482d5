"""Videos with their skeletons: a joint lies on the pixels of its place, however both are cut and mirrored."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from microgesture.commands.main import main
from microgesture.datasets.clips import collate
from microgesture.datasets.manifest import read_manifest
from microgesture.datasets.paired import PairedDataset
from microgesture.errors import DataError, UserError
from microgesture.recognition import create_objective
from microgesture.skeletons.layouts import LAYOUTS
from microgesture.skeletons.track import SkeletonTrack
from microgesture.video import write_video
from microgesture.vocabulary import Vocabulary
from moving_joints import moving_track

SIZE = (160, 120)
LAYOUT = LAYOUTS["coco-17"]
HAND = LAYOUT.index("left_wrist")
FRAMES = 16


def filmed(folder: Path, name: str, label: int, subject: int, seed: int) -> None:
    """A video in which a bright square lies on the left wrist of a track; both have the same clock."""
    track = moving_track(label, subject, seed, frames=FRAMES)
    points = track.points - track.points.reshape(-1, 2).min(0)
    points = points / points.reshape(-1, 2).max() * 90 + (35, 14)
    pictures = np.full((FRAMES, SIZE[1], SIZE[0], 3), 40, np.uint8)
    for picture, (x, y) in zip(pictures, points[:, HAND].round().astype(int), strict=True):
        picture[y - 3 : y + 4, x - 3 : x + 4] = 230
    write_video(folder / f"{name}.mp4", pictures, 25)
    SkeletonTrack(np.arange(FRAMES) / 25.0, points, track.scores, "coco-17", SIZE).save(folder / f"{name}.npz")


def make(folder: Path, subjects: int = 1, clips: int = 4) -> Path:
    rows = ["video,start,end,label,person,subject,split,skeleton"]
    for subject in range(1, subjects + 1):
        for i in range(clips):
            name = f"s{subject}_{i}"
            filmed(folder, name, i % 4, subject, i)
            split = "test" if subject > subjects * 2 / 3 else "train"
            rows.append(f"{name}.mp4,,,gesture {i % 4},P1,s{subject},{split},{name}.npz")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder / "manifest.csv"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return read_manifest(make(tmp_path_factory.mktemp("films"), subjects=1))


def distance(item, flipped_joint=HAND) -> list[float]:
    """How far the brightest spot of each picture is from the joint at that moment, in shares of the picture."""
    clip = item["clip"]
    pictures, found = clip.rgb.shape[1], []
    for t in range(pictures):
        bright = clip.rgb[:, t].mean(0)
        rows, columns = torch.nonzero(bright > bright.max() - 0.8, as_tuple=True)
        place = torch.tensor([columns.float().mean() + 0.5, rows.float().mean() + 0.5]) / bright.shape[-1]
        moments = clip.skeleton[0, 4 * t : 4 * t + 4, flipped_joint, :2]
        found.append(float((moments - place).norm(dim=1).min()))
    return found


def paired(manifest, **options) -> PairedDataset:
    return PairedDataset(manifest.rows, manifest.vocabulary, frames=16, size=96, **options)


def test_joints_lie_on_the_pictures(manifest, tmp_path):
    data = paired(manifest)
    assert (len(data), data.layout.name, data.persons) == (4, "coco-17", 1)
    for i in range(4):
        item = data[i]
        assert item["clip"].rgb.shape == (3, 4, 96, 96)
        assert item["clip"].skeleton.shape == (1, 16, 17, 3)
        assert max(distance(item)) < 0.05
    cached = paired(manifest, cache=tmp_path / "cache")
    assert torch.allclose(cached[1]["clip"].rgb, data[1]["clip"].rgb, atol=1e-6)
    assert torch.equal(cached[1]["clip"].skeleton, data[1]["clip"].skeleton)


def test_crops_and_mirrors_act_on_both(manifest):
    data = paired(manifest, training=True, flip=True, random_crop=0.3)
    mirrored = 0
    for epoch in range(6):
        data.set_epoch(epoch)
        for i in range(4):
            flipped = data.pictures.view(i)[2]
            mirrored += flipped
            joint = LAYOUT.index("right_wrist") if flipped else HAND
            assert np.median(distance(data[i], joint)) < 0.08
    assert 4 < mirrored < 20
    data.set_epoch(2)
    first = data[3]["clip"]
    data.set_epoch(3)
    assert not torch.equal(first.skeleton, data[3]["clip"].skeleton)
    data.set_epoch(2)
    assert torch.equal(first.skeleton, data[3]["clip"].skeleton)
    assert torch.equal(first.rgb, data[3]["clip"].rgb)


def test_a_batch_is_split_and_moved_as_one(manifest):
    data = paired(manifest)
    batch = collate([data[0], data[1], data[2]])
    assert batch["clip"].rgb.shape == (3, 3, 4, 96, 96)
    halves = batch["clip"].split(2)
    assert [len(half) for half in halves] == [2, 1]
    assert torch.equal(halves[1].skeleton[0], data[2]["clip"].skeleton)
    moved = batch["clip"].to("cpu")
    assert torch.equal(moved.rgb, batch["clip"].rgb)


def test_rows_without_either(tmp_path):
    table = make(tmp_path, clips=2)
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], lines[1], lines[2].rpartition(",")[0] + ","]) + "\n")
    rows = read_manifest(table)
    with pytest.raises(DataError, match="row 3: names no skeleton"):
        paired(rows)
    assert len(paired(rows, skip=True)) == 1
    with pytest.raises(UserError, match="15 frames of skeletons cannot have a picture for every 4"):
        PairedDataset(rows.rows, rows.vocabulary, frames=15)


def test_scores_are_the_mean_of_the_paths_probabilities():
    from microgesture.encoders import create_encoder

    torch.manual_seed(0)
    encoder = create_encoder("rgbpose", width=2, rgb_blocks=[1] * 4, pose_blocks=[1] * 3)
    objective = create_objective("supervised-paths", encoder, None, Vocabulary.from_texts(["a", "b", "c"])).eval()
    clip, label = encoder.example_input(4), torch.tensor([0, 1, 2, 1])
    with torch.no_grad():
        feature = objective.embed(clip)
        logits = [objective.heads[0](feature[:, :128]), objective.heads[1](feature[:, 128:])]
        mean = (logits[0].softmax(1) + logits[1].softmax(1)) / 2
        assert torch.allclose(objective.scores(clip).exp(), mean, atol=1e-6)
        found = objective({"clip": clip, "label": label})
    for i in (0, 1):
        expected = torch.nn.functional.cross_entropy(logits[i], label)
        assert found[f"path{i}_loss"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_one_command_trains_evaluates_and_fuses(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    table = make(tmp_path / "data", subjects=6, clips=8)
    flags = ["--data.manifest", str(table), "--training.precision", "no", "--optimiser.least_steps", "0"]
    flags += ["--optimiser.batch", "8", "--data.size", "48", "--optimiser.epochs", "8", "--data.random_crop", "0"]
    flags += ["--optimiser.lr_encoder", "0.01", "--optimiser.lr_heads", "0.01"]
    both, limbs, other = tmp_path / "both", tmp_path / "limbs", tmp_path / "skeleton"
    assert main(["train", "rgb/rgbpose_small", *flags, "-o", str(both)]) == 0
    assert main(["evaluate", str(both)]) == 0
    metrics = json.loads((both / "evaluation/metrics.json").read_text())
    assert metrics["metrics"]["top1"] > 0.5  # four classes
    assert metrics["cost"]["modality"] == "rgb+skeleton"
    small = ["--data.manifest", str(table), "--training.precision", "no", "--optimiser.least_steps", "0"]
    small += [
        "--optimiser.epochs",
        "1",
        "--data.frames",
        "8",
        "--encoder.options.size",
        "16",
        "--encoder.options.crop_size",
        "16",
    ]
    assert main(["train", "skeleton/posec3d_small", *small, "-o", str(other)]) == 0
    assert main(["fuse", str(both), str(other), "--weights", "0.7", "0.3", "-o", str(tmp_path / "fused")]) == 0
    assert json.loads((tmp_path / "fused/fusion.json").read_text())["metrics"]["clips"] == 16
    capsys.readouterr()
    assert main(["recognize", str(table.parent / "s1_0.mp4"), "--model", str(both)]) == 2
    assert "reads a video and its skeleton together" in capsys.readouterr().err
    assert main(["train", "rgb/rgbpose_small", *flags, "--data.crop", "frame", "-o", str(limbs)]) == 2
    assert "set data.crop person and data.fit stretch" in capsys.readouterr().err
    assert main(["train", "rgb/rgbpose_small", *flags, "--data.augment.flip", "{}", "-o", str(limbs)]) == 2
    assert "data.augment would change pictures or skeletons alone" in capsys.readouterr().err
