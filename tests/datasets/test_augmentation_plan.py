import pickle
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest

from microgesture.datasets.augmentation import Augmentation, Reverse, TemporalCrop, pieces
from microgesture.errors import RecipeError
from microgesture.skeletons.layouts import COCO_17
from microgesture.vocabulary import Vocabulary

MOMENTS = (np.arange(8) + 0.5) / 8
FRAMES = np.random.default_rng(0).integers(0, 256, (8, 16, 20, 3)).astype(np.uint8)
POINTS = np.random.default_rng(1).standard_normal((1, 8, 17, 2)).astype(np.float32)
SCORES = np.ones((1, 8, 17), np.float32)
RGB = ["flip", "resized_crop", "rotate", "shear", "scale", "colour", "frame_mask"]
SKELETON = ["flip", "rotate", "shear", "scale", "viewpoint", "joint_jitter", "coordinate_shift", "joint_mask"]
SKELETON += ["part_mask", "frame_mask", "framing"]
TEMPORAL = ["temporal_jitter", "reverse", "repeat", "speed", "temporal_crop", "hold"]


def plan(*names: str, **more) -> Augmentation:
    return Augmentation.from_config({**{name: {} for name in names}, **more})


def names(pieces) -> list[str]:
    return [piece.name for piece in pieces]


def test_nothing_is_on_unless_named():
    nothing, rng = Augmentation.from_config({}), np.random.default_rng(0)
    state = rng.bit_generator.state
    assert np.array_equal(nothing.temporal_moments(MOMENTS, rng), MOMENTS)
    assert nothing.rgb_frames(FRAMES, rng, may_flip=True) == (FRAMES, False)
    assert nothing.skeleton_points(POINTS, SCORES, COCO_17, rng, may_flip=True) == (POINTS, SCORES, False)
    assert rng.bit_generator.state == state
    assert (nothing.batch, nothing.cut_away) == ((), 0.0)


def test_the_order_is_fixed_whatever_the_order_of_the_keys():
    every = plan(*reversed(pieces()))
    assert names(every.temporal) == TEMPORAL
    assert names(every.rgb) == RGB
    assert names(every.skeleton) == SKELETON
    assert names(every.batch) == ["mixup"]
    assert set(pieces()) == {*TEMPORAL, *RGB, *SKELETON, "mixup"}
    assert every == plan(*pieces())


def test_pieces_follow_one_another_on_one_generator():
    both = plan(reverse={"probability": 1.0}, temporal_crop={"least": 0.3})
    rng = np.random.default_rng(3)
    expected = TemporalCrop(least=0.3).moments(Reverse(probability=1.0).moments(MOMENTS, rng), rng)
    assert np.array_equal(both.temporal_moments(MOMENTS, np.random.default_rng(3)), expected)
    assert (np.diff(expected) < 0).all()


@pytest.mark.parametrize("name", pieces())
def test_probability_0_is_as_if_it_were_not_there(name):
    off = plan(**{name: {"probability": 0}})
    assert off == Augmentation()


def test_equal_generators_give_equal_clips_and_others_other_ones():
    rgb, skeleton = plan(*TEMPORAL, *RGB), plan(*TEMPORAL, *SKELETON)
    for seed in range(5):
        a, b, c = (np.random.default_rng((seed, s)) for s in (0, 0, 1))
        assert np.array_equal(rgb.temporal_moments(MOMENTS, a), rgb.temporal_moments(MOMENTS, b))
        first, second = rgb.rgb_frames(FRAMES, a, True), rgb.rgb_frames(FRAMES, b, True)
        assert np.array_equal(first[0], second[0])
        assert first[1] == second[1]
        assert not np.array_equal(first[0], rgb.rgb_frames(FRAMES, c, True)[0])
        one, two = (skeleton.skeleton_points(POINTS, SCORES, COCO_17, rng, True) for rng in (a, b))
        assert np.array_equal(one[0], two[0])
        assert one[0].dtype == np.float32
        assert np.isfinite(one[0]).all()


def test_flips_are_told_and_forbidden_ones_leave_the_other_draws_alone():
    flips = plan("flip", "frame_mask", "joint_jitter")
    rgb = plan("flip", "frame_mask")
    told = []
    for seed in range(40):
        points, _, flipped = flips.skeleton_points(POINTS, SCORES, COCO_17, np.random.default_rng(seed), True)
        straight, _, never = flips.skeleton_points(POINTS, SCORES, COCO_17, np.random.default_rng(seed), False)
        assert not never
        assert np.array_equal(points, straight) != flipped
        frames, flipped = rgb.rgb_frames(FRAMES, np.random.default_rng(seed), True)
        straight, never = rgb.rgb_frames(FRAMES, np.random.default_rng(seed), False)
        assert not never
        assert np.array_equal(frames, straight[:, :, ::-1] if flipped else straight)
        told.append(flipped)
    assert 8 < sum(told) < 32
    sides = Vocabulary.from_texts(["left", "right", "left knee", "nod"])
    assert flips.flipped_labels(sides).tolist() == [1, 0, -1, 3]


def test_mistakes_in_a_recipe_are_one_line():
    every = ", ".join(pieces())
    cases = {
        f"data.augment: no piece 'flop', known are {every}": {"flop": {}},
        "data.augment.rotate: no parameter 'degree', known are probability, degrees, turn": {"rotate": {"degree": 3}},
        "data.augment.rotate: is a mapping of parameters (or {}), not 10": {"rotate": 10},
        "augmentation 'rotate': degrees must be a number, got 'ten'": {"rotate": {"degrees": "ten"}},
        "augmentation 'rotate': degrees must be a number, got nan": {"rotate": {"degrees": float("nan")}},
        "augmentation 'rotate': degrees must be a number, got True": {"rotate": {"degrees": True}},
        "augmentation 'rotate': degrees must be between 0 and 180, got -5": {"rotate": {"degrees": -5}},
        "augmentation 'repeat': times must be a whole number, got 2.5": {"repeat": {"times": 2.5}},
        "augmentation 'repeat': bounce must be true or false, got 1": {"repeat": {"bounce": 1}},
        "augmentation 'resized_crop': scale must be two numbers, got [0.5]": {"resized_crop": {"scale": [0.5]}},
        "augmentation 'mixup': alpha must be between 0.001 and 100, got 0": {"mixup": {"alpha": 0}},
        "data.augment: is a mapping of pieces to their parameters, not ['flip']": ["flip"],
    }
    for message, config in cases.items():
        with pytest.raises(RecipeError) as caught:
            Augmentation.from_config(config)
        assert str(caught.value) == message


def test_a_yaml_recipe_says_it_with_lists_and_whole_numbers():
    made = plan(resized_crop={"scale": [0.4, 1]}, rotate={"degrees": 10}, part_mask={"parts": ["hand"]}, flip=None)
    assert names(made.pieces) == ["flip", "resized_crop", "rotate", "part_mask"]
    assert made.pieces[1].scale == (0.4, 1)
    assert made.pieces[3].parts == ("hand",)
    assert made == pickle.loads(pickle.dumps(made))


def test_pieces_of_the_other_modality_are_refused():
    plan(*TEMPORAL, *RGB, "mixup").check("rgb")
    plan(*TEMPORAL, *SKELETON, "mixup").check("skeleton")
    with pytest.raises(RecipeError, match="augmentation 'joint_mask' is for skeletons, the clips are video frames"):
        plan("flip", "joint_mask").check("rgb")
    with pytest.raises(RecipeError, match="augmentation 'colour' is for video frames, the clips are skeletons"):
        plan("colour").check("skeleton")
    plan("flip").check_objective("visual-text", soft_targets=False)
    plan("mixup").check_objective("supervised", soft_targets=True)
    with pytest.raises(RecipeError, match="'mixup' mixes labels, objective 'visual-text' needs one label a clip"):
        plan("mixup").check_objective("visual-text", soft_targets=False)


def test_every_piece_is_documented_and_has_a_probability():
    for name, kind in pieces().items():
        assert kind.name == name
        assert len(kind.__doc__) > 60
        assert "probability" in [field.name for field in fields(kind)]


def test_what_may_be_cut_away_is_known():
    assert plan(resized_crop={"scale": [0.25, 1.0]}).cut_away == 0.5
    assert plan(scale={"amount": 0.25}).cut_away == pytest.approx(0.2)


def test_a_plan_is_made_without_torch():
    code = (
        "import sys; from microgesture.datasets.augmentation import pieces, Augmentation;"
        "Augmentation.from_config(dict.fromkeys(pieces())); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
