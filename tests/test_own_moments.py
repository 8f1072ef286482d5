"""An objective of one's own that tells moments is analysed as such: its scores over time become the events."""

import numpy as np
import pytest

import microgesture
from microgesture.analysis.views import view_of
from microgesture.commands.main import main
from microgesture.skeletons.track import SkeletonTrack
from microgesture.spotting import SpottingConfig
from moving_joints import moving_track, write_pickle

PLUGIN = '''
import torch
from torch import nn
from microgesture.encoders.graph_encoder import GraphEncoder
from microgesture.encoders import register
from microgesture.recognition import register_objective
from microgesture.recognition.objective import Objective
from microgesture.recognition.supervised import cross_entropy


@register("joints-in-time")
class JointsInTime(GraphEncoder):
    """One token per frame: how fast every joint moves, over three frames."""

    width = 32

    def __init__(self, layout: str = "coco-17", channels: int = 3, persons: int = 1) -> None:
        super().__init__(layout, channels, persons)
        self.conv = nn.Conv1d(len(self.layout) * channels, 32, 3, padding=1)

    def forward(self, clip):
        speed = torch.diff(clip.mean(1), dim=1, prepend=clip.mean(1)[:, :1])
        return torch.relu(self.conv(speed.abs().flatten(2).transpose(1, 2))).transpose(1, 2)


@register_objective("every-frame")
class EveryFrame(Objective):
    """A linear layer on each token; a clip is the mean of its tokens."""

    moments = True

    def __init__(self, encoder, text_encoder, vocabulary):
        super().__init__(encoder, None, vocabulary)
        self.head = nn.Linear(encoder.width, len(vocabulary))

    def scores(self, clip):
        return self.both_scores(clip)[0]

    def both_scores(self, clip):
        tokens = self.head(self.encoder(clip))
        return tokens.mean(1), tokens

    def forward(self, batch):
        return cross_entropy(self.scores(batch["clip"]), batch["label"])
'''
RECIPE = """
title: mine
data: {frames: 20}
encoder: {name: joints-in-time}
objective: {name: every-frame}
optimiser: {name: adamw, epochs: 30, batch: 8, lr_encoder: 0.01, lr_heads: 0.01, least_steps: 0}
training: {precision: "no"}
"""


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("moments")
    (folder / "mine.py").write_text(PLUGIN)
    (folder / "mine.yaml").write_text(RECIPE)
    pickle = write_pickle(folder / "data.pkl")
    argv = ["train", str(folder / "mine.yaml"), "--data.manifest", str(pickle), "-o", str(folder / "run")]
    assert main([*argv, "--plugin", str(folder / "mine.py")]) == 0
    return microgesture.load(folder / "run", "cpu")


def still_wave_still() -> SkeletonTrack:
    """Two seconds at rest, a wave of the left hand of two seconds, two seconds at rest."""
    still, wave = moving_track(3, 5, 1, frames=50), moving_track(3, 5, 1, frames=50)
    rest = still.points[:1].repeat(50, 0)
    points = np.concatenate([rest, wave.points, rest])
    return SkeletonTrack(np.arange(150) / 25, points, wave.scores[:1].repeat(150, 0), wave.layout, wave.image_size)


def test_its_scores_over_time_are_those_of_each_moment(analyzer):
    assert analyzer.run.spec.resolution == "moment"
    config = SpottingConfig(window_s=1.6, stride_s=0.4)
    scores = analyzer.scan(still_wave_still(), config)
    step = np.diff(scores.times)
    assert step == pytest.approx(np.full(len(step), 1.6 / 20))  # a token per frame of the window, not a window's stride
    wave = analyzer.vocabulary[3]
    moving = scores.probabilities[:, wave.id] > scores.probabilities[:, wave.id].max() / 2
    at = scores.times[moving]
    assert 1.9 < at.min() < 2.4
    assert 3.6 < at.max() < 4.2


def test_a_moment_of_a_window_has_the_score_of_that_token(analyzer):
    """Scores of one window, by hand."""
    track = still_wave_still().between(2.0, 3.6 - 1e-9)
    config = SpottingConfig(window_s=1.6, stride_s=0.4)
    scores = analyzer.scan(track, config)
    (window,) = view_of(analyzer.run, track).windows(config)
    expected = 1 / (1 + np.exp(-analyzer.run.score(window.clip[None]).moments[0]))
    np.testing.assert_allclose(scores.probabilities, expected, atol=1e-6)


def test_events_lie_where_it_moves(analyzer, tmp_path):
    still_wave_still().save(tmp_path / "film.npz")
    top = float(analyzer.scan(still_wave_still()).probabilities.max())
    config = SpottingConfig(gesture_threshold=0.8 * top, release_ratio=0.8, smoothing_s=0.3)
    found = analyzer.analyze(tmp_path / "film.npz", config)
    best = max(found, key=lambda event: event.confidence)
    assert best.label == analyzer.vocabulary[3].name
    assert best.start == pytest.approx(2.0, abs=0.35)
    assert best.end == pytest.approx(4.0, abs=0.35)
    assert analyzer.recognize(tmp_path / "film.npz").by_part == ()
