"""Banks of moving skeletons and the windows that are cut from them."""

from dataclasses import replace

import numpy as np
import pytest

from microgesture.errors import DataError
from microgesture.skeletons.layouts import GESTURE_62
from microgesture.synthetic.estimator.noise import SHOULDERS
from microgesture.synthetic.people.motion import MOTIONS
from microgesture.synthetic.worlds.skeleton_bank import RATE, SkeletonBank, joined, make_bank
from microgesture.synthetic.worlds.skeleton_windows import SkeletonWindows
from microgesture.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def bank():
    return make_bank(4, seed=5)


def test_the_same_seed_gives_the_same_bank_and_another_one_another(bank):
    again, other = make_bank(4, seed=5), make_bank(4, seed=6)
    np.testing.assert_array_equal(bank.joints, again.joints)
    np.testing.assert_array_equal(bank.events, again.events)
    assert bank.joints.shape != other.joints.shape or not np.array_equal(bank.joints, other.joints)


def test_splits_with_one_seed_share_no_performance():
    train, test = make_bank(1, seed=5), make_bank(1, seed=5, split="test")
    assert train.joints.shape != test.joints.shape or not np.array_equal(train.joints, test.joints)


def test_a_bank_comes_back_from_its_file(bank, tmp_path):
    bank.save(tmp_path / "bank.npz")
    again = SkeletonBank.load(tmp_path / "bank.npz")
    assert again.motions == bank.motions
    np.testing.assert_array_equal(again.joints, bank.joints)
    assert not again.estimated
    (tmp_path / "broken.npz").write_bytes(b"no bank")
    with pytest.raises(DataError, match=r"broken\.npz"):
        SkeletonBank.load(tmp_path / "broken.npz")


def test_banks_made_in_parts_are_one(bank):
    other = make_bank(2, seed=6)
    both = joined([bank, other])
    assert len(both) == len(bank) + len(other)
    first, last = both.offsets[len(bank)], both.offsets[len(bank) + 1]
    np.testing.assert_array_equal(both.joints[first:last], other.joints[: other.offsets[1]])
    mine = both.events[both.events[:, 0] >= len(bank)]
    np.testing.assert_array_equal(mine[:, 1:], other.events[:, 1:])
    assert set(mine[:, 0]) <= set(range(len(bank), len(both)))


def test_the_hands_that_act_are_known(bank):
    groups = np.array([MOTIONS[bank.motions[int(m)]].group for m in bank.events[:, 1]])
    hands = bank.events[:, 4]
    assert set(hands[groups == "hands"]) <= {1.0, 2.0, 3.0}
    assert set(hands[groups == "legs"]) == {0.0}


def test_events_of_one_part_of_the_body_do_not_overlap(bank):
    groups = np.array([MOTIONS[key].group for key in bank.motions])
    for performance in range(len(bank)):
        rows = bank.events[bank.events[:, 0] == performance]
        for group in set(groups):
            mine = rows[groups[rows[:, 1].astype(int)] == group]
            mine = mine[np.argsort(mine[:, 2])]
            assert (mine[1:, 2] >= mine[:-1, 3]).all()


def test_windows_are_a_function_of_seed_epoch_and_indices(bank):
    windows = SkeletonWindows(bank, 100, seed=3)
    first = windows.__getitems__([4, 5, 6])
    windows.set_epoch(1)
    other = windows.__getitems__([4, 5, 6])
    windows.set_epoch(0)
    again = windows.__getitems__([4, 5, 6])
    assert (first["clip"] == again["clip"]).all()
    assert not (first["clip"] == other["clip"]).all()


def test_frames_past_the_window_are_unseen_and_the_others_mostly_seen(bank):
    batch = SkeletonWindows(bank, 100, trimmed=1.0, gaps=False).__getitems__(range(64))
    seen = (batch["clip"][:, 0, :, :, 2] > 0).any(-1).numpy()
    lengths = seen.sum(1)
    assert lengths.min() >= 4
    for row, length in zip(seen, lengths, strict=True):
        assert row[:length].all()
        assert not row[length:].any()
    unknown = batch["clip"][..., 2] == 0
    assert (batch["clip"][..., :2][unknown] == 0).all()


def test_a_film_is_a_track_and_its_truth_lies_in_it(bank):
    windows = SkeletonWindows(bank, 1, ("imigue",), "test")
    track, again = windows.film(0), windows.film(0)
    np.testing.assert_array_equal(track.points, again.points)
    duration = len(track) / RATE
    truth = windows.truth(0, Vocabulary.load("imigue"), "imigue")
    assert truth
    assert all(0 <= e.start < e.end <= duration + 1e-6 for e in truth)
    assert (track.scores.max(1) > 0).mean() > 0.95


def test_estimated_people_are_seen_a_little_otherwise_in_training_alone(bank):
    joints = np.ones_like(bank.joints)
    joints[..., :2] = bank.joints[..., :2]
    estimated = replace(bank, joints=joints, estimated=True)

    def spread(split):
        windows = SkeletonWindows(estimated, 100, split=split, trimmed=0.0, gaps=False)
        clips = windows.__getitems__(range(32))["clip"][:, 0].numpy()
        shoulders = clips[:, 0, [GESTURE_62.index(f"{s}_shoulder") for s in ("left", "right")], :2]
        return np.linalg.norm(shoulders[:, 0] - shoulders[:, 1], axis=-1)

    true = np.linalg.norm(np.diff(joints[:, SHOULDERS, :2].astype(np.float32), axis=1)[:, 0], axis=-1)
    assert spread("test").min() >= true.min() - 1e-3
    assert spread("test").max() <= true.max() + 1e-3
    assert spread("train").max() > true.max() + 0.01
    assert 0.8 < np.median(spread("train")) / np.median(spread("test")) < 1.2
