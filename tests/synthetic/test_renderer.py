"""What the pictures must show: sides, who hides whom, faces, and the same bytes every time."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from microgesture.errors import DataError
from microgesture.synthetic.people.body import sample_body
from microgesture.synthetic.people.motion import perform
from microgesture.synthetic.people.performance import FACE, JOINT_INDEX, JOINTS, Performance
from microgesture.synthetic.people.schedule import Setting, Style
from microgesture.synthetic.pictures import raster, renderer
from microgesture.synthetic.pictures.appearance import (
    BACKDROPS,
    HAIR_STYLES,
    HATS,
    TOPS,
    Appearance,
    AppearanceRanges,
    Backdrop,
    Clothes,
    Looks,
    Sensor,
    sample_appearance,
)
from microgesture.synthetic.pictures.camera import Camera
from microgesture.synthetic.pictures.renderer import render, render_chunks, visibility

FRONT = Camera((0.0, 1.0, 3.2), (0.0, 1.0, 0.0), 36.0, 0.0, (96, 96))
CLEAN = Appearance(sensor=Sensor(noise=0.0), backdrop=Backdrop(chair_back=False))


def person(frames: int = 2, seated: bool = False, table: bool = False) -> Performance:
    rng = np.random.default_rng(4)
    setting = Setting(seated, table, "table" if table else "lap" if seated else "sides")
    body = sample_body(rng, stature=(1.75, 1.75))
    return perform(body, [], frames / 10, 10.0, setting, Style(fidget=0.0, speaking=0.0), rng)


HAND = ("wrist", "thumb", "index", "middle", "ring", "pinky")


def with_left_hand_at(performance: Performance, place: np.ndarray) -> Performance:
    """The same person with the left hand, as it is, torn off and held at `place (T, 3)`."""
    shift = place - performance.point("left_middle_knuckle")
    joints = performance.joints.copy()
    for i, name in enumerate(JOINTS):
        if name.startswith(tuple(f"left_{part}" for part in HAND)):
            joints[:, i] += shift
    return replace(performance, joints=joints)


def test_shape_and_type() -> None:
    frames = render(person(3), FRONT, CLEAN, size=(50, 37))
    assert frames.shape == (3, 37, 50, 3)
    assert frames.dtype == np.uint8


def test_left_hand_is_on_the_right_of_the_picture() -> None:
    still = person(1)
    waved = with_left_hand_at(still, still.point("left_shoulder") + np.array([0.35, 0.2, 0.0]))
    changed = np.abs(render(still, FRONT, CLEAN)[0].astype(int) - render(waved, FRONT, CLEAN)[0]).sum(-1) > 60
    columns = np.nonzero(changed)[1]
    assert changed.sum() > 20
    assert columns.min() > 48


def test_the_person_stands_where_the_tracks_say() -> None:
    performance = person(1)
    far = Appearance(Looks(skin=(1.0, 0.0, 0.0), hair_style="bald"), Clothes(), Backdrop(), sensor=Sensor(noise=0.0))
    image = render(performance, FRONT, far)[0].astype(float)
    pixels, _ = FRONT.project(performance.joints)
    for name in ("nose", "left_index_mid", "right_index_mid"):
        x, y = pixels[0, JOINT_INDEX[name]].astype(int)
        red, green, blue = image[y, x]
        assert red > 1.5 * max(green, blue), name


def test_nearer_hand_hides_the_face_and_a_hand_behind_does_not() -> None:
    performance = person(1)
    nose = performance.point("nose")
    front = visibility(with_left_hand_at(performance, nose + np.array([0.0, 0.0, 0.12])), FRONT, CLEAN, (256, 256))
    back = visibility(with_left_hand_at(performance, nose - np.array([0.0, 0.0, 0.35])), FRONT, CLEAN, (256, 256))
    hand, face = JOINT_INDEX["left_middle_knuckle"], JOINT_INDEX["nose"]
    assert front[0, hand]
    assert not front[0, face]
    assert back[0, face]
    assert not back[0, hand]


def test_table_panel_hides_legs() -> None:
    performance = person(1, seated=True, table=True)
    camera = Camera((0.0, 1.3, 3.2), (0.0, 0.8, 0.0), 40.0, 0.0, (128, 128))
    legs = [JOINT_INDEX[n] for n in ("left_knee", "right_knee", "left_toe", "right_toe")]
    assert not visibility(performance, camera, CLEAN)[0, legs].any()
    assert visibility(replace(performance, table=None), camera, CLEAN)[0, legs].all()
    assert visibility(performance, camera, CLEAN)[0, JOINT_INDEX["nose"]]


def test_outside_the_picture_is_not_visible() -> None:
    away = Camera((0.0, 1.5, 3.0), (4.0, 1.5, 0.0), 30.0)
    assert not visibility(person(1), away, CLEAN).any()


@pytest.mark.parametrize("channel", ["lips_pressed", "mouth_open", "eyes_open", "cheeks_puffed", "brows_raised"])
def test_face_channels_change_only_the_face(channel: str) -> None:
    performance = person(1)
    head = performance.point("head")[0]
    camera = Camera((float(head[0]), float(head[1]), 1.4), tuple(head.tolist()), 24.0, 0.0, (160, 160))
    face = performance.face.copy()
    face[:] = (1.0, 0.0, 0.0, 0.0, 0.0)
    other = face.copy()
    other[:, FACE.index(channel)] = 1.0 - other[:, FACE.index(channel)]
    images = [render(replace(performance, face=channels), camera, CLEAN)[0].astype(int) for channels in (face, other)]
    rows, columns = np.nonzero(np.abs(images[0] - images[1]).max(-1) > 3)
    if channel in ("mouth_open", "brows_raised"):
        assert len(rows) == 0  # these move joints of lips, chin and brows; the channel itself paints nothing
        return
    pixels, _ = camera.project(performance.joints[0])
    place = {"lips_pressed": ("upper_lip",), "eyes_open": ("left_eye", "right_eye")}.get(
        channel, ("left_cheek", "right_cheek")
    )
    size = float(np.linalg.norm(pixels[JOINT_INDEX["chin"]] - pixels[JOINT_INDEX["head_top"]]))
    middles = np.stack([pixels[JOINT_INDEX[name]] for name in place])
    away = np.linalg.norm(np.stack((columns, rows), -1)[:, None] + 0.5 - middles, axis=-1).min(axis=1)
    assert len(rows) > 30
    assert away.max() < (0.42 if channel == "cheeks_puffed" else 0.26) * size


def test_same_bytes_whatever_the_chunks_and_threads() -> None:
    performance = person(7, seated=True)
    appearance = sample_appearance(np.random.default_rng(3))
    camera = replace(FRONT, shake=np.random.default_rng(0).normal(0, 0.02, (7, 2)))
    wanted = render(performance, camera, appearance)
    assert np.array_equal(wanted, render(performance, camera, appearance, chunk=3))
    assert np.array_equal(wanted, np.concatenate(list(render_chunks(performance, camera, appearance, chunk=1))))
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            assert np.array_equal(wanted, render(performance, camera, appearance))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("size", [(96, 96), (33, 47), (50, 21), (3, 5), (1, 1)])
def test_every_pixel_is_written(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    performance = person(2)
    wanted = render(performance, FRONT, CLEAN, size)
    empty = torch.empty

    def poisoned(*args, **kwargs):  # type: ignore[no-untyped-def]
        return empty(*args, **kwargs).fill_(113)

    for module in (renderer, raster):
        monkeypatch.setattr(module.torch, "empty", poisoned)
    assert np.array_equal(wanted, render(performance, FRONT, CLEAN, size))


def test_camera_that_looks_away_sees_the_room() -> None:
    away = Camera((0.0, 1.5, 3.0), (8.0, 1.5, 3.2), 30.0, 0.0, (32, 32))
    frames = render(person(2), away, CLEAN)
    assert frames.shape == (2, 32, 32, 3)
    assert np.array_equal(frames[0], frames[1])


def test_grain_differs_from_frame_to_frame() -> None:
    noisy = replace(CLEAN, sensor=Sensor(noise=0.02))
    frames = render(person(2), replace(FRONT, position=(0, 9, 3.2), target=(0, 9, 0)), noisy).astype(float)
    spread = (frames[0] - frames[1]).std() / 2**0.5
    assert 2.0 < spread < 8.0


@pytest.mark.parametrize("kind", BACKDROPS)
def test_backdrops_differ_and_repeat(kind: str) -> None:
    appearance = replace(CLEAN, backdrop=Backdrop(kind=kind, seed=5, palette=((0.7, 0.3, 0.2), (0.1, 0.5, 0.6))))
    once, again = (render(person(1), FRONT, appearance) for _ in range(2))
    assert np.array_equal(once, again)
    if kind != "wall":
        assert (once != render(person(1), FRONT, replace(CLEAN, backdrop=Backdrop(kind="wall")))).mean() > 0.2


def test_all_looks_can_be_drawn() -> None:
    performance = replace(person(1, seated=True), prop="pen", prop_position=np.full((1, 3), 0.9))
    for k in range(6):
        looks = Looks(hair_style=HAIR_STYLES[k], hat=HATS[k % 4], beard=0.2 * k, glasses=(0, 0, 0) if k % 2 else None)
        clothes = Clothes(top=TOPS[k % 4], tie=(0.5, 0, 0), sleeve=0.3 + 0.1 * k, trousers=0.5 if k % 2 else 1.0)
        prop = ("pen", "ring", "bottle")[k % 3]
        frames = render(replace(performance, prop=prop), FRONT, Appearance(looks, clothes), (40, 40))
        assert frames.std() > 5


def test_what_cannot_be_drawn() -> None:
    performance = person(2)
    broken = performance.joints.copy()
    broken[1, 3, 2] = np.nan
    with pytest.raises(DataError, match="finite"):
        render(replace(performance, joints=broken), FRONT, CLEAN)
    with pytest.raises(DataError, match="shape"):
        render(replace(performance, joints=performance.joints[:, :10]), FRONT, CLEAN)
    with pytest.raises(DataError, match="shape"):
        render(replace(performance, times=performance.times[:0], joints=performance.joints[:0]), FRONT, CLEAN)


def test_splits_share_neither_hue_nor_backdrop() -> None:
    train, test = AppearanceRanges.for_split("train"), AppearanceRanges.for_split("test")
    assert not set(train.backdrops) & set(test.backdrops)
    for low, high in train.hues:
        assert all(high <= other_low or other_high <= low for other_low, other_high in test.hues)
    assert {sample_appearance(np.random.default_rng(s), test).backdrop.kind for s in range(40)} == set(test.backdrops)
    with pytest.raises(DataError, match="split"):
        AppearanceRanges.for_split("val")
    with pytest.raises(DataError, match="backdrop"):
        AppearanceRanges(backdrops=("moon",))


def test_appearances_vary_and_repeat() -> None:
    draws = [sample_appearance(np.random.default_rng(s)) for s in range(60)]
    assert draws[7] == sample_appearance(np.random.default_rng(7))
    assert {d.looks.hair_style for d in draws} == set(HAIR_STYLES)
    assert {d.looks.hat for d in draws} == set(HATS)
    assert {d.clothes.top for d in draws} == set(TOPS)
    skin = np.array([sum(d.looks.skin) / 3 for d in draws])
    assert skin.min() < 0.35
    assert skin.max() > 0.75
