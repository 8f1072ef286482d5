"""Tracks of rendered people as an estimator finds them: near the truth, unknown where nothing is to be seen."""

import numpy as np

from microgesture.skeletons.track import SkeletonTrack
from microgesture.synthetic.estimator.tracks import as_estimated
from microgesture.synthetic.worlds.plan import WorldConfig
from microgesture.synthetic.worlds.world import synthesize


def test_estimated_poses_are_near_the_true_ones_and_repeat(tmp_path):
    settings = {"clips": 3, "interviews": 0, "timelines": 0, "subjects": 3, "size": 48, "seed": 4}
    synthesize(tmp_path / "true", WorldConfig(**settings))
    synthesize(tmp_path / "estimated", WorldConfig(**settings, poses="estimated"))
    files = sorted((tmp_path / "true").rglob("skeletons/*/*.npz"))
    assert len(files) == 3
    errors = []
    for file in files:
        true = SkeletonTrack.load(file)
        found = SkeletonTrack.load(tmp_path / "estimated" / file.relative_to(tmp_path / "true"))
        assert found.layout == "gesture-62"
        assert np.array_equal(found.times, true.times)
        same = true.to_layout("gesture-62")
        shoulders = [found.skeleton.index(f"{side}_shoulder") for side in ("left", "right")]
        width = np.linalg.norm(np.subtract(*(same.points[:, j] for j in shoulders)), axis=-1).mean()
        away = np.linalg.norm(found.points - same.points, axis=-1)[:, shoulders] / width
        errors.append(away.ravel())
        outside = (same.scores == 0) & ~((same.points >= 0) & (same.points < 48)).all(-1)
        assert not found.scores[outside].any()
        again = as_estimated(true, np.random.default_rng(1))
        assert np.array_equal(again.points, as_estimated(true, np.random.default_rng(1)).points)
        assert not np.array_equal(again.points, found.points)
    assert 0.01 < np.median(np.concatenate(errors)) < 0.3  # shares of the width that is seen: more from the side
