import os
import pickle

import numpy as np
import pytest

from microgesture.errors import DataError
from microgesture.skeletons import LAYOUTS, SkeletonTrack
from microgesture.skeletons.array_pickle import load_array_pickle
from microgesture.skeletons.pyskl import annotation_tracks, read_pyskl, write_pyskl
from microgesture.skeletons.pyskl_conventions import ASKED, decide
from microgesture.skeletons.sources import read_tracks


def clip(count: int = 17, people: int = 1, size: int = 2, frames: int = 6, **more):
    rng = np.random.default_rng(0)
    keypoint = rng.uniform(20, 700, (people, frames, count, size)).astype(np.float32)
    score = rng.uniform(0.2, 1, (people, frames, count)).astype(np.float32)
    values = {"frame_dir": "a", "total_frames": frames, "img_shape": (720, 1280), "label": 3, "keypoint": keypoint}
    return {**values, **({"keypoint_score": score} if size == 2 else {}), **more}


def save(path, *annotations, protocol: int = 4):
    names = [annotation["frame_dir"] for annotation in annotations]
    path.write_bytes(pickle.dumps({"split": {"train": names}, "annotations": list(annotations)}, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("numpy_1", [False, True])
def test_arrays_of_every_protocol_and_numpy(tmp_path, protocol, numpy_1):
    values = {
        "arrays": [
            np.arange(6).reshape(2, 3).astype(kind) for kind in ("f2", "f4", ">f8", "i8", "u1", "?", "U3", "S2")
        ],
        "shapes": (np.zeros((0, 3)), np.array(2.5), np.asfortranarray(np.arange(6.0).reshape(2, 3))[:, ::2]),
        "scalars": [np.float32(1.5), np.int64(-3), np.bool_(True), np.str_("a")],
        "plain": {"text": "né", "none": None, "bytes": b"", "set": [1, 2.5, True]},
    }
    data = pickle.dumps(values, protocol=protocol)
    new, old = b"numpy._core", b"numpy.core"
    if numpy_1 and protocol < 4:
        data = data.replace(new, old)
    elif numpy_1:  # names have their length before them, and frames theirs: written anew as they were
        data = data.replace(b"\x16" + new + b".multiarray", b"\x15" + old + b".multiarray")
        data = data.replace(b"\x13" + new + b".numeric", b"\x12" + old + b".numeric")
        data = data[:2] + data[11:]  # without the frame, whose length has changed
    (tmp_path / "a.pkl").write_bytes(data)
    back = load_array_pickle(tmp_path / "a.pkl")
    for kind in ("arrays", "shapes"):
        for a, b in zip(values[kind], back[kind], strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
    assert back["scalars"] == values["scalars"]
    assert back["plain"] == values["plain"]


class Call:
    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", ["system", "eval", "load", "tofile", "object array", "in an array", "build"])
def test_a_pickle_is_never_run(tmp_path, protocol, kind):
    trace = tmp_path / "trace"
    evil = Call(os.system, f"touch {trace}")
    if kind == "eval":
        evil = Call(eval, f"open({str(trace)!r}, 'w')")
    elif kind == "load":
        np.save(tmp_path / "inner.npy", np.array([Call(os.system, f"touch {trace}")]), allow_pickle=True)
        evil = Call(np.load, str(tmp_path / "inner.npy"), None, True)
    elif kind == "tofile":
        evil = Call(np.ndarray.tofile, np.zeros(3), str(trace))
    elif kind == "object array":
        evil = np.array([evil, None], dtype=object)
    elif kind == "in an array":
        evil = {"split": {}, "annotations": [clip(keypoint=np.array([[evil]], dtype=object))]}
    elif kind == "build":
        evil = Call(getattr, "a", "upper")
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"annotations": [clip(), evil]}, protocol=protocol))
    with pytest.raises(DataError, match=r"a\.pkl: refused") as caught:
        read_pyskl(path)
    assert not trace.exists()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "what"),
    [
        (b"cos\nsystem\n(S'true'\ntR.", "os.system"),
        (b"cnumpy.testing._private.utils\nrunstring\n(S'1'\n(dtR.", "runstring"),
        (b"cnumpy\nload\n.", "numpy.load"),
        (b"cnumpy\nndarray.dump\n.", "ndarray.dump"),
        (b"cnumpy\nndarray\n.", "a function as a value"),
        (b"cnumpy\nndarray\n((I3\ntS'f4'\ntR.", "a call of numpy.ndarray"),
        (b"cnumpy\ndtype\n(S'O8'\nI00\nI01\ntR.", "an array of type 'O8'"),
        (b"c_codecs\nencode\n(Vabc\nVrot13\ntR.", "text in 'rot13'"),
        (b"c_codecs\nencode\n(dS'x'\nS'y'\nsb.", "a change of a function"),
        (b"cbuiltins\nbytes\n(I100000000000\ntR.", "a call of bytes"),
        (b"(icollections\nOrderedDict\n.", "OrderedDict"),
        (b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR.", "an array without data"),
        (b"Pabc\n.", "an object outside the file"),
        (b"]" + b"(" * 15 + b"l" * 15 + b".", "cut off|nested too deep"),
    ],
)
def test_handmade_programs_are_refused(tmp_path, code, what):
    (tmp_path / "a.pkl").write_bytes(code)
    with pytest.raises(DataError, match=what):
        load_array_pickle(tmp_path / "a.pkl")


def test_a_list_that_holds_itself_and_one_that_grows(tmp_path):
    loop: list = []
    loop.append(loop)
    (tmp_path / "loop.pkl").write_bytes(pickle.dumps(loop))
    with pytest.raises(DataError, match="nested too deep"):
        load_array_pickle(tmp_path / "loop.pkl")
    level: list = []
    for _ in range(10):
        level = [level] * 50
    (tmp_path / "many.pkl").write_bytes(pickle.dumps(level))
    load_array_pickle(tmp_path / "many.pkl")  # 50 ** 10 lists when each is copied by itself


def test_broken_files_are_one_line(tmp_path):
    whole = save(tmp_path / "whole.pkl", clip()).read_bytes()
    texts = {"cut.pkl": whole[: len(whole) // 2], "empty.pkl": b"", "text.pkl": b"hello\nworld\n"}
    for name, data in texts.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=rf"{name}: not a pickle, or cut off"):
            read_pyskl(tmp_path / name)
    with pytest.raises(DataError, match="cannot be read"):
        read_pyskl(tmp_path / "none.pkl")
    for value, what in (({"a": 1}, "no list"), ([3], "clip 1"), ({"annotations": [], "split": {"a": 3}}, "'split'")):
        (tmp_path / "a.pkl").write_bytes(pickle.dumps(value))
        with pytest.raises(DataError, match=what):
            read_pyskl(tmp_path / "a.pkl")


def test_file_splits_and_clips(tmp_path):
    file = read_pyskl(save(tmp_path / "a.pkl", clip(), clip(frame_dir="b", label=np.int64(5))))
    assert file.names == ("a", "b")
    assert file.split == {"train": ("a", "b")}
    assert file.annotation("b")["label"] == 5
    with pytest.raises(DataError, match=r"holds 2 clips, name one, as in .*a\.pkl::a"):
        file.annotation()
    with pytest.raises(DataError, match="no clip named 'c'"):
        file.annotation("c")
    twice = read_pyskl(save(tmp_path / "b.pkl", clip(), clip()))
    with pytest.raises(DataError, match="2 clips named 'a'"):
        twice.annotation("a")
    (tmp_path / "c.pkl").write_bytes(pickle.dumps([clip()]))
    assert read_pyskl(tmp_path / "c.pkl").names == ("a",)


@pytest.mark.parametrize(
    ("count", "layout"),
    [(17, "coco-17"), (18, "openpose-18"), (22, "imigue-22"), (33, "mediapipe-33"), (62, "gesture-62"),
     (133, "coco-wholebody-133"), (137, "openpose-137"), (140, "openpose-140")],
)  # fmt: skip
def test_the_number_of_points_tells_the_layout(count, layout):
    annotation = clip(count, people=2)
    first, second = annotation_tracks(annotation)
    assert first.layout == second.layout == layout
    assert (first.person, second.person, first.image_size) == ("P1", "P2", (1280, 720))
    np.testing.assert_allclose(first.times, np.arange(6) / 30)
    if layout != "imigue-22":
        np.testing.assert_array_equal(second.points, annotation["keypoint"][1])
        np.testing.assert_array_equal(second.scores, annotation["keypoint_score"][1])


def test_25_points_are_kinect_or_body_25():
    seated = clip(25)
    seated["keypoint"][..., 0, 1], seated["keypoint"][..., 1, 1] = 500, 400  # base of the spine under its middle
    assert annotation_tracks(seated)[0].layout == "kinect-25"
    seated["keypoint"][..., 0, 1] = 300  # nose over neck
    assert annotation_tracks(seated)[0].layout == "body-25"
    deep = clip(25, people=2, size=3)
    deep["keypoint"] = deep["keypoint"] / 300
    deep["keypoint"][1] = 0  # NTU pads with a second person of zeros
    (track,) = annotation_tracks(deep)
    assert (track.layout, track.points.shape, track.scores.min()) == ("kinect-25", (6, 25, 3), 1)
    assert annotation_tracks(deep, layout="ntu-25")[0].layout == "ntu-25"


def test_75_points_are_told_apart_by_the_lips():
    rng = np.random.default_rng(0)
    holistic, plain = LAYOUTS["mediapipe-holistic"], LAYOUTS["mediapipe-75"]
    for layout in (holistic, plain):
        annotation = clip(75)
        face, hand = rng.normal((600, 150), 8, (6, 75, 2)), rng.normal((500, 500), 8, (6, 75, 2))
        of_hand = [any(part in j for part in ("thumb", "index", "middle", "ring_", "pinky", "hand", "wrist"))
                   for j in layout.joints]  # fmt: skip
        annotation["keypoint"] = np.where(np.array(of_hand)[:, None], hand, face)[None]
        for side, x in (("left", 60), ("right", -60)):
            annotation["keypoint"][..., layout.index(f"{side}_ear"), :] = (600 + x, 140)
        assert annotation_tracks(annotation)[0].layout == layout.name


def test_x_y_score_as_three_values():
    annotation = clip(17)
    three = np.concatenate([annotation["keypoint"], annotation["keypoint_score"][..., None]], axis=-1)
    (with_score,) = annotation_tracks({**annotation, "keypoint": three})
    del annotation["keypoint_score"]
    (alone,) = annotation_tracks({**annotation, "keypoint": three})
    (no_people_axis,) = annotation_tracks({**annotation, "keypoint": three[0]})
    for track in (with_score, alone, no_people_axis):
        np.testing.assert_array_equal(track.points, three[0, ..., :2])
        np.testing.assert_array_equal(track.scores, three[0, ..., 2])


def test_points_without_scores_are_known_unless_zero():
    annotation = clip(17)
    del annotation["keypoint_score"]
    annotation["keypoint"][0, 2] = 0
    annotation["keypoint"][0, 3, 4, 0] = np.nan
    (track,) = annotation_tracks(annotation)
    assert (track.scores[2] == 0).all()
    assert track.scores[3].sum() == 16
    assert np.isfinite(track.points).all()


@pytest.mark.parametrize("shape", [(720, 1280), (1280, 720), np.array([720, 1280]), None])
def test_the_order_of_the_picture_is_checked_by_the_points(shape):
    annotation = clip(17, img_shape=shape)
    annotation["keypoint"] *= np.float32((1.7, 1.0))
    width, height = annotation_tracks(annotation)[0].image_size
    assert (width, height) == ((1280, 720) if shape is not None else (width, height))
    assert width > 1100
    assert 690 < height <= 720
    assert annotation_tracks(annotation, image_size=(1920, 1080))[0].image_size == (1920, 1080)


def test_normalised_points_are_scaled():
    annotation = clip(17)
    pixels = annotation["keypoint"].copy()
    annotation["keypoint"] = pixels / np.float32((1280, 720))
    np.testing.assert_allclose(annotation_tracks(annotation)[0].points, pixels[0], rtol=1e-5)
    with pytest.raises(DataError, match="normalised"):
        annotation_tracks({**annotation, "img_shape": None})


def test_the_fingertips_of_the_22_points_are_put_in_order():
    annotation = clip(22)
    points = annotation["keypoint"]
    points[..., 4, :], points[..., 7, :] = (100, 400), (600, 400)  # right and left wrist
    points[..., 12:17, :], points[..., 17:22, :] = (610, 410), (110, 410)
    (track,) = annotation_tracks(annotation)
    assert track.points[0, 12].tolist() == [110, 410]
    points[..., 12:17, :], points[..., 17:22, :] = (110, 410), (610, 410)
    assert annotation_tracks(annotation)[0].points[0, 12].tolist() == [110, 410]


def test_the_layout_is_that_of_the_file_whatever_one_clip_shows(tmp_path):
    clips = []
    for i in range(5):
        upright = clip(25, frame_dir=f"{i}")
        upright["keypoint"][..., 0, 1], upright["keypoint"][..., 1, 1] = 200, 300  # nose over neck
        clips.append(upright)
    clips[3]["keypoint"][..., 0, 1] = 400  # a bent person: nose below the neck
    assert annotation_tracks(clips[3])[0].layout == "kinect-25"
    file = read_pyskl(save(tmp_path / "a.pkl", *clips))
    assert file.conventions.layouts == {(25, 2): "body-25"}
    for name in file.names:
        (track,) = read_tracks(f"{tmp_path / 'a.pkl'}::{name}")
        assert track.layout == "body-25"


def test_the_order_of_hands_is_that_of_the_file(tmp_path):
    clips = []
    for i in range(5):
        apart = clip(22, frame_dir=f"{i}", frames=10)
        points = apart["keypoint"]
        points[..., 4, :], points[..., 7, :] = (100, 400), (600, 400)  # right and left wrist
        points[..., 12:17, :], points[..., 17:22, :] = (610, 410), (110, 410)  # the left hand's tips first
        clips.append(apart)
    clasped = clips[2]["keypoint"]
    clasped[..., 4, :], clasped[..., 7, :] = (300, 400), (320, 400)
    clasped[..., 12:17, :], clasped[..., 17:22, :] = (290, 400), (330, 400)  # each over the other's wrist
    assert annotation_tracks(clips[2])[0].points[0, 12].tolist() == [290, 400]
    file = read_pyskl(save(tmp_path / "a.pkl", *clips))
    assert file.conventions.left_first == {22}
    (track,) = read_tracks(f"{tmp_path / 'a.pkl'}::2")
    assert track.points[0, 12].tolist() == [330, 400]
    assert file.conventions.facts == ["of 22 points, the first five fingertips are those of the left hand"]


@pytest.mark.parametrize("shape", [(720, 1280), None])
def test_parts_of_a_picture_with_scores_are_no_depths(shape):
    annotation = clip(17, img_shape=shape)
    flat = annotation["keypoint"] / np.float32((1280, 720))
    three = np.concatenate([flat, annotation.pop("keypoint_score")[..., None]], axis=-1)
    if shape is None:
        with pytest.raises(DataError, match="normalised"):
            annotation_tracks({**annotation, "keypoint": three})
        return
    (track,) = annotation_tracks({**annotation, "keypoint": three})
    np.testing.assert_allclose(track.points, annotation["keypoint"][0], rtol=1e-4)
    np.testing.assert_array_equal(track.scores, three[0, ..., 2])


def test_one_clip_close_to_the_camera_does_not_make_depths_scores(tmp_path):
    rng = np.random.default_rng(0)
    clips = []
    for i in range(3):
        points = rng.normal((0, 0, 2.5), 0.2, (1, 6, 25, 3))
        clips.append({"frame_dir": str(i), "label": 0, "img_shape": (1080, 1920), "keypoint": points})
    clips[1]["keypoint"][..., 2] = rng.uniform(0.3, 0.9, (1, 6, 25))
    assert annotation_tracks(clips[1])[0].points.shape[-1] == 2
    save(tmp_path / "a.pkl", *clips)
    for i in range(3):
        assert read_tracks(f"{tmp_path / 'a.pkl'}::{i}")[0].points.shape == (6, 25, 3)


def test_annotations_beyond_those_that_vote_are_read_too():
    many = [clip(17, frame_dir=str(i), frames=1) for i in range(3 * ASKED)]
    many.insert(1, clip(25, frame_dir="odd"))
    assert set(decide(many).layouts) == {(25, 2)}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"keypoint": None}, "no array 'keypoint'"),
        ({"keypoint": np.zeros((6, 17))}, "no array 'keypoint'"),
        ({"keypoint": np.zeros((1, 6, 17, 4))}, "has shape"),
        ({"keypoint": np.zeros((0, 6, 17, 2))}, "has shape"),
        ({"keypoint": np.zeros((1, 6, 17, 2), dtype="U3")}, "no array 'keypoint'"),
        ({"keypoint_score": np.zeros((1, 5, 17))}, "does not fit"),
        ({"layout": "coco"}, "do not fit layout 'coco'"),
        ({"layout": ["coco-17"]}, "do not fit layout"),
        ({"keypoint": np.ones((1, 6, 19, 2)), "keypoint_score": None}, "19 points are of no known layout"),
        ({"times": np.arange(5.0)}, "'times'"),
        ({"times": np.arange(6.0)[::-1].copy()}, "'times' decrease"),
    ],
)
def test_annotations_that_do_not_fit_are_refused(change, what):
    with pytest.raises(DataError, match=what) as caught:
        annotation_tracks(clip(**change), source="file.pkl::a")
    assert str(caught.value).startswith("file.pkl::a: ")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_written_comes_back(tmp_path, layout):
    rng = np.random.default_rng(0)
    shape = (5, len(LAYOUTS[layout]))
    tracks = [
        SkeletonTrack(np.sort(rng.random(5)), rng.uniform(0, 90, (*shape, 2)), rng.random(shape), layout, (120, 100), p)
        for p in ("P1", "P7")
    ]
    tracks[1] = SkeletonTrack(tracks[0].times, tracks[1].points, tracks[1].scores, layout, (120, 100), "P7")
    write_pyskl([tracks[0], tracks], [4, 5], tmp_path / "a.pkl", ["x", "y"], {"test": ["y"]})
    file = read_pyskl(tmp_path / "a.pkl")
    assert file.split == {"test": ("y",)}
    assert [annotation["label"] for annotation in file.annotations] == [4, 5]
    for before, after in zip(tracks, annotation_tracks(file.annotation("y")), strict=True):
        for key in ("times", "points", "scores"):
            np.testing.assert_array_equal(getattr(before, key), getattr(after, key))
        assert (before.layout, before.image_size, before.person) == (after.layout, after.image_size, after.person)
    with open(tmp_path / "a.pkl", "rb") as plain:  # what any other program does
        assert pickle.load(plain)["annotations"][1]["keypoint"].shape == (2, *shape, 2)


def test_clips_that_do_not_fit_are_not_written(tmp_path):
    track = SkeletonTrack([0.0], np.ones((1, 17, 2)), np.ones((1, 17)), "coco-17", (10, 10))
    later = SkeletonTrack([1.0], np.ones((1, 17, 2)), np.ones((1, 17)), "coco-17", (10, 10))
    for clips, labels, what in (([track], [], "one label"), ([[]], [1], "no track"), ([[track, later]], [1], "differ")):
        with pytest.raises(DataError, match=what):
            write_pyskl(clips, labels, tmp_path / "a.pkl")
    assert not list(tmp_path.iterdir())
