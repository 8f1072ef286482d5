"""`prepare`: what it writes, that training finds it, and that it can be stopped and go on."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from smg_trees import (
    PUBLIC,
    small_video,
    write_class_folders,
    write_elan_folder,
    write_ma52,
    write_sample,
    write_smg,
    write_smg_miga,
)

from microgesture.corpora.opening import open_data
from microgesture.corpora.prepare import prepare
from microgesture.corpora.source import read_source
from microgesture.datasets import ClipDataset, read_manifest, skeleton_tracks
from microgesture.errors import DataError, UserError
from microgesture.skeletons.openpose import write_openpose
from microgesture.skeletons.sources import read_tracks
from microgesture.skeletons.track import SkeletonTrack

SMALL = {"frames": 4, "size": 16}


@pytest.fixture(scope="session")
def smg(tmp_path_factory) -> Path:
    return write_smg(tmp_path_factory.mktemp("data") / "SMG")


@pytest.fixture(scope="session")
def skeletons(tmp_path_factory) -> Path:
    """SMG without videos."""
    return write_smg(tmp_path_factory.mktemp("data") / "SMG", rgb=False)


def test_everything_is_written_and_equals_the_source(smg, tmp_path):
    out = tmp_path / "smg"
    done = prepare(smg, out, **SMALL)
    assert (done.clips, done.unlabelled, done.skeletons, done.problems) == (20, 0, 5, ())
    reading, manifest = read_source(smg), read_manifest(out / "manifest.csv")
    assert manifest.vocabulary == reading.vocabulary
    for row, source in zip(manifest.rows, reading.rows, strict=True):
        assert (row.label, row.subject, row.split, row.extra) == (
            source.label,
            source.subject,
            source.split,
            source.extra,
        )
        assert (row.start, row.end) == (source.start, source.end)
        assert row.video.samefile(source.video)
        assert row.skeleton.parent == out / "skeletons"
    track = SkeletonTrack.load(manifest.rows[0].skeleton)
    source = read_tracks(reading.rows[0].skeleton, space="metres")[0]
    assert np.array_equal(track.points, source.points)
    assert np.array_equal(track.times, source.times)
    made = json.loads((out / "prepared.json").read_text())
    assert (made["layout"], made["space"], made["root"]) == ("smg", "metres", str(smg))
    assert set(reading.facts) < set(made["facts"])
    assert not list(out.rglob("*.tmp")) + list(out.rglob("*.part"))


def test_training_finds_the_decoded_clips(smg, tmp_path):
    out = tmp_path / "smg"
    assert prepare(smg, out, **SMALL).cached == ("train", "test")
    manifest = open_data(out)
    before = sorted(path.name for path in (out / "cache").iterdir())
    for split in ("train", "test"):
        rows = manifest.split(split)
        clips = ClipDataset(rows, manifest.vocabulary, **SMALL, training=split == "train", cache=out / "cache")
        assert clips[0]["clip"].shape == (3, 4, 16, 16)
    assert sorted(path.name for path in (out / "cache").iterdir()) == before


@pytest.mark.parametrize(
    ("write", "clips", "unlabelled", "cached"),
    [
        (lambda root: write_smg_miga(root, rgb=True, test=(36,)), 20, 1, ("train", "test")),
        (write_ma52, 20, 4, ("train", "val")),
        (lambda root: write_class_folders(root, splits=True), 12, 0, ("test", "train")),
        (write_class_folders, 6, 0, ("test", "train", "val")),
        (write_elan_folder, 8, 0, ("test", "train", "val")),
        (lambda root: write_class_folders(root, media="skeleton"), 6, 0, ()),
    ],
)
def test_every_layout(write, clips, unlabelled, cached, tmp_path):
    root = write(tmp_path / "root")
    done = prepare(root, tmp_path / "out", **SMALL)
    assert (done.clips, done.unlabelled, sorted(done.cached)) == (clips, unlabelled, sorted(cached))
    assert (tmp_path / "out" / "unlabelled.csv").exists() == bool(unlabelled)
    assert len(open_data(tmp_path / "out")) == clips


def test_what_is_not_wanted_is_not_made(smg, tmp_path):
    done = prepare(smg, tmp_path / "out", skeletons=False, clips=False)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "manifest.csv",
        "prepared.json",
        "vocabulary.json",
    ]
    assert read_manifest(done.manifest).rows[0].skeleton.samefile(smg / "Sample0001" / "Sample0001_skeleton.csv")


def test_the_second_run_keeps_what_is_done_and_sees_what_has_changed(tmp_path):
    root = write_smg(tmp_path / "SMG", rgb=False)
    out = tmp_path / "out"
    prepare(root, out)
    before = {path: path.stat().st_mtime_ns for path in (out / "skeletons").glob("*.npz")}
    old = root / "Sample0002" / "Sample0002_skeleton.csv"
    stamp = old.stat().st_mtime_ns
    lines = old.read_text().splitlines()
    old.write_text("\n".join([*lines, lines[-1]]) + "\n")
    os.utime(old, ns=(stamp - 10**9, stamp - 10**9))  # changed, with an older date: as `rsync -t` leaves it
    prepare(root, out)
    changed = [path.stem for path, date in before.items() if path.stat().st_mtime_ns != date]
    assert changed == ["Sample0002_skeleton"]


def test_stopped_in_the_middle_it_goes_on(skeletons, tmp_path, monkeypatch):
    out, read, seen = tmp_path / "out", skeleton_tracks.read_tracks, []

    def stop(path, space, layout):
        seen.append(path)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return read(path, space=space)

    monkeypatch.setattr(skeleton_tracks, "read_tracks", stop)
    with pytest.raises(KeyboardInterrupt):
        prepare(skeletons, out)
    whole = sorted((out / "skeletons").glob("*.npz"))
    assert len(whole) == 2
    assert all(len(SkeletonTrack.load(path)) for path in whole)
    assert not (out / "manifest.csv").exists()
    assert sorted(p.suffix for p in (out / "skeletons").iterdir()) == [".json", ".npz", ".npz"]
    assert prepare(skeletons, out).skeletons == len(PUBLIC)
    assert len(seen) == 3 + 3  # the two that were done are not read again


@pytest.mark.parametrize(
    ("asked", "made", "dimensions"), [(None, "metres", 3), ("metres", "metres", 3), ("pixels",) * 2 + (2,)]
)
def test_kinect_skeletons_are_in_the_space_of_the_data_set(asked, made, dimensions, skeletons, tmp_path):
    done = prepare(skeletons, tmp_path, space=asked)
    assert SkeletonTrack.load(read_manifest(done.manifest).rows[0].skeleton).points.shape[-1] == dimensions
    assert f"Kinect skeletons are kept in {made}" in done.reading.facts[-1]
    assert json.loads((tmp_path / "prepared.json").read_text())["space"] == made


def test_a_table_of_kinect_files_is_in_pixels_and_other_skeletons_are_in_no_space(tmp_path):
    write_sample(tmp_path / "data", 1)
    (tmp_path / "data" / "manifest.csv").write_text("skeleton,label\nSample0001/Sample0001_skeleton.csv,nod\n")
    prepare(tmp_path / "data", tmp_path / "a")
    assert json.loads((tmp_path / "a" / "prepared.json").read_text())["space"] == "pixels"
    prepare(write_class_folders(tmp_path / "mine", media="skeleton"), tmp_path / "b")
    assert json.loads((tmp_path / "b" / "prepared.json").read_text())["space"] == ""


def test_another_space_starts_anew_and_leaves_no_mixture_behind(skeletons, tmp_path, monkeypatch):
    prepare(skeletons, tmp_path)
    prepare(skeletons, tmp_path)
    assert (tmp_path / "manifest.csv").is_file()

    def stop(path, space, layout):
        raise KeyboardInterrupt

    monkeypatch.setattr(skeleton_tracks, "read_tracks", stop)
    with pytest.raises(KeyboardInterrupt):
        prepare(skeletons, tmp_path, space="pixels")
    assert not (tmp_path / "manifest.csv").exists()
    monkeypatch.undo()
    track = read_manifest(prepare(skeletons, tmp_path, space="pixels").manifest).rows[0].skeleton
    assert SkeletonTrack.load(track).points.shape[-1] == 2


def test_where_there_is_no_split_the_manifest_holds_the_one_of_the_raw_data(tmp_path):
    root = write_elan_folder(tmp_path / "mine")
    done = prepare(root, tmp_path / "far" / "out", clips=False)
    assert "no clip has a split: the manifest holds out about 20 %" in done.remarks[0]
    written, raw = read_manifest(done.manifest).rows, open_data(root).rows
    assert [row.split for row in written] == [row.split for row in raw]
    assert {row.split for row in written} == {"train", "val", "test"}


def test_stopped_in_the_middle_of_a_track_it_leaves_no_half(skeletons, tmp_path, monkeypatch):
    def stop(buffer, array, allow_pickle):
        raise KeyboardInterrupt

    monkeypatch.setattr(np.lib.format, "write_array", stop)
    with pytest.raises(KeyboardInterrupt):
        prepare(skeletons, tmp_path)
    assert [path.name for path in (tmp_path / "skeletons").iterdir()] == ["index.json"]


def test_broken_files_are_left_out_and_listed(tmp_path):
    root = write_smg(tmp_path / "SMG")
    (root / "Sample0001" / "Sample0001_skeleton.csv").write_text("1,2,3\n")
    video = root / "Sample0036" / "Sample0036_color.mp4"
    video.write_bytes(video.read_bytes()[:800])
    done = prepare(root, tmp_path / "out", **SMALL)
    assert {problem.file.name for problem in done.errors} == {"Sample0001_skeleton.csv", "Sample0036_color.mp4"}
    assert done.clips == 12
    assert {row.subject for row in read_manifest(done.manifest)} == {"2", "3", "37"}


def test_people_of_one_file_have_a_track_each(tmp_path):
    people = [_person(400.0, "P1"), _person(150.0, "P2")]
    write_openpose(people, tmp_path / "data" / "poses")
    lines = ["skeleton,start,end,label,person", "poses,0,0.4,nod,P2", "poses,0.4,0.8,nod,P1", "poses,,,both,"]
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(lines) + "\n")
    done = prepare(tmp_path / "data", tmp_path / "out")
    second, first, both = read_manifest(done.manifest).rows
    assert (second.skeleton.name, first.skeleton.name) == ("poses@P2.npz", "poses.npz")
    assert SkeletonTrack.load(second.skeleton).person == "P2"
    assert both.skeleton.samefile(tmp_path / "data" / "poses")  # a track has one person
    assert len(read_tracks(both.skeleton)) == 2


def _person(size: float, name: str) -> SkeletonTrack:
    rng = np.random.default_rng(int(size))
    points = rng.uniform(0, size, (1, 25, 2)) + 10 + np.zeros((20, 1, 1))
    offset = 0 if name == "P1" else 600
    return SkeletonTrack(np.arange(20) / 25, points + offset, np.full((20, 25), 0.9), "body-25", (1280, 720), name)


def test_files_of_one_name_in_different_folders(tmp_path):
    for part in ("a", "b"):
        write_sample(tmp_path / "data" / part, 1)
    lines = [f"{part}/Sample0001/Sample0001_skeleton.csv,0,1,{part},{part}" for part in ("a", "b")]
    (tmp_path / "data" / "manifest.csv").write_text("skeleton,start,end,label,subject\n" + "\n".join(lines) + "\n")
    rows = read_manifest(prepare(tmp_path / "data", tmp_path / "out", "manifest").manifest).rows
    assert [row.skeleton.name for row in rows] == [
        "a_Sample0001_Sample0001_skeleton.npz",
        "b_Sample0001_Sample0001_skeleton.npz",
    ]


def test_a_manifest_of_somebody_is_not_overwritten(tmp_path):
    root = write_class_folders(tmp_path / "mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / "manifest.csv").write_text("video,label\n")
    with pytest.raises(DataError, match="choose another folder"):
        prepare(root, out)
    assert (out / "manifest.csv").read_text() == "video,label\n"


def test_what_cannot_be_prepared_is_one_line(tmp_path):
    root = write_class_folders(tmp_path / "mine", clips=1)
    with pytest.raises(UserError, match="0 frames"):
        prepare(root, tmp_path / "out", frames=0)
    for path in root.rglob("*.mp4"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"no clip with a label can be used: .*0\.mp4.*\(and 1 more problems\)"):
        prepare(root, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(DataError, match="no such file or folder"):
        prepare(tmp_path / "nowhere", tmp_path / "out")


def test_too_few_subjects_are_prepared_without_decoding(tmp_path):
    for label in ("a", "b"):
        small_video(tmp_path / "mine" / label / "0.mp4", 8)
    done = prepare(tmp_path / "mine", tmp_path / "out", **SMALL)
    assert (done.clips, done.cached) == (2, ())
    assert "too few to hold some out" in done.remarks[0]
