"""Skeleton runs on skeletons: every file with the same poses gives the same answer, and nothing comes of nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest

from microgesture.analysis import analyzer as analysis
from microgesture.analysis.analyzer import load
from microgesture.analysis.watching import Watched
from microgesture.commands.main import main
from microgesture.emotion.configuration import EmotionConfig
from microgesture.encoders import create_encoder, create_text_encoder
from microgesture.errors import DataError, RecipeError
from microgesture.pose import estimator
from microgesture.pose.estimator import Pose
from microgesture.recognition import create_objective
from microgesture.runs.configuration import load_recipe
from microgesture.runs.run import WEIGHTS
from microgesture.runs.run_files import write_configuration
from microgesture.skeletons.openpose import write_openpose
from microgesture.skeletons.pyskl import write_pyskl
from microgesture.skeletons.resampling import resample
from microgesture.skeletons.track import SkeletonTrack
from microgesture.spotting import SpottingConfig
from microgesture.synthetic.worlds.skeleton_bank import make_bank
from microgesture.synthetic.worlds.skeleton_windows import SkeletonWindows
from microgesture.timeline import EmotionReading, GestureEvent, Media, Timeline
from microgesture.training.checkpoint import write_weights
from microgesture.video import write_video
from microgesture.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with random weights."""
    folder = tmp_path_factory.mktemp("run")
    recipe = load_recipe("built-in/skeleton", ["--encoder.options", '{"width": 32, "layers": 1}'])
    encoder, text = create_encoder("skeleton_transformer", width=32, layers=1), create_text_encoder("gesture-words")
    objective = create_objective("visual-text-timed", encoder, text, Vocabulary.load("imigue"))
    write_configuration(folder, recipe, objective, {"finished": True, "temperature": 1.0})
    write_weights(folder / WEIGHTS, objective.state_dict(), {"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def analyzer(run):
    opened = load(run, "cpu")
    assert (opened.modality, opened.run.spec.resolution) == ("skeleton", "moment")
    return opened


@pytest.fixture(scope="module")
def track():
    track = SkeletonWindows(make_bank(1, 3), 1, ("imigue",)).film(0)
    return track.between(0.0, 6.0)


def test_a_track_an_openpose_folder_and_a_pickle_give_the_same_answer(analyzer, track, tmp_path):
    track.save(tmp_path / "track.npz")
    write_openpose(track, tmp_path / "openpose")
    write_pyskl([[track]], [0], tmp_path / "clip.pkl")
    answers = [analyzer.recognize(tmp_path / name) for name in ("track.npz", "openpose", "clip.pkl")]
    timelines = [
        analyzer.analyze(tmp_path / name, SpottingConfig(window_s=0.16, gesture_threshold=0.05))
        for name in ("track.npz", "openpose", "clip.pkl")
    ]
    first = answers[0]
    for answer in answers[1:]:
        assert answer.label == first.label
        assert answer.confidence == pytest.approx(first.confidence, abs=1e-4)
        assert [a.label for a in answer.alternatives] == [a.label for a in first.alternatives]
    for timeline in timelines[1:]:
        assert [(e.label, round(e.start, 2), round(e.end, 2)) for e in timeline] == [
            (e.label, round(e.start, 2), round(e.end, 2)) for e in timelines[0]
        ]


def test_the_picture_may_be_larger_elsewhere_and_filmed_at_another_rate(analyzer, track):
    bigger = SkeletonTrack(track.times, 2.5 * track.points + 40, track.scores, track.layout, (4000, 3000))
    faster = np.arange(0, track.times[-1], 0.02)
    points = np.stack(
        [np.stack([np.interp(faster, track.times, track.points[:, v, c]) for c in (0, 1)], -1) for v in range(62)], 1
    )
    known = np.stack([np.interp(faster, track.times, track.scores[:, v]) > 0.999 for v in range(62)], 1)
    denser = SkeletonTrack(faster, points, known.astype(float), track.layout, track.image_size)
    plain = analyzer.probabilities(track)
    np.testing.assert_allclose(analyzer.probabilities(bigger), plain, atol=1e-4)
    np.testing.assert_allclose(analyzer.probabilities(denser), plain, atol=0.05)


def test_resampling_joins_neighbours_and_nothing_else():
    times = np.array([0.0, 0.1, 0.2, 1.2, 1.3])
    points = np.zeros((5, 62, 2))
    points[:, :, 0] = times[:, None] * 100
    scores = np.ones((5, 62))
    scores[1, 7] = 0.0
    out = resample(SkeletonTrack(times, points, scores, "gesture-62", (640, 480)), 20.0)
    grid = np.arange(len(out)) / 20.0
    np.testing.assert_allclose(out[:4, 0, 0], 100 * grid[:4], atol=1e-3)
    assert (out[1:4, 7, 2] == 0).all(), "no line to or from a point that is not known"
    assert out[(grid > 0.25) & (grid < 1.15)][:, :, 2].max() == 0, "nobody is seen for a second"


def test_scores_cover_a_long_track_once_and_gaps_are_nan(analyzer):
    track = SkeletonWindows(make_bank(1, 4), 1, ("imigue",)).film(0)
    scores = track.scores.copy()
    scores[60:110] = 0.0
    holed = SkeletonTrack(track.times, track.points, scores, track.layout, track.image_size)
    found = analyzer.scan(holed)
    assert found.probabilities.shape == (-(-len(track) // 2), 32)
    np.testing.assert_allclose(np.diff(found.times), 0.16, atol=1e-9)
    empty = np.isnan(found.probabilities).all(1)
    assert empty[31:54].all()
    assert not empty[:29].any()
    assert not empty[56:].any()


def test_nobody_is_no_gesture(analyzer, tmp_path, capsys, run):
    times = np.arange(100) / 10
    nobody = SkeletonTrack(times, np.zeros((100, 62, 2)), np.zeros((100, 62)), "gesture-62", (640, 480))
    nobody.save(tmp_path / "empty.npz")
    with pytest.raises(DataError, match="no person was found"):
        analyzer.recognize(tmp_path / "empty.npz")
    timeline = analyzer.read(Watched((), Media("room.mp4", 600.0)))
    assert len(timeline) == 0
    assert timeline.provenance["unseen"] == {"P1": [[0.0, 600.0]]}
    assert main(["recognize", str(tmp_path / "empty.npz"), "--model", str(run)]) == 2
    assert "no person was found" in capsys.readouterr().err


def test_own_words_are_zero_shot_and_the_built_in_ones_are_not(analyzer, track, tmp_path, capsys, run):
    assert not analyzer.with_vocabulary(Vocabulary.load("ma52")).run.zero_shot
    own = analyzer.with_vocabulary(Vocabulary.from_texts(["tugging the sleeve", "adjusting glasses"]))
    assert own.run.zero_shot
    (tmp_path / "own.txt").write_text("tugging the sleeve\nadjusting glasses\n")
    track.save(tmp_path / "track.npz")
    command = ["recognize", str(tmp_path / "track.npz"), "--model", str(run), "--vocabulary", str(tmp_path / "own.txt")]
    assert main([*command, "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)[0]
    assert said["zero_shot"]
    assert {r["label"] for r in said["readings"]} == {"tugging the sleeve", "adjusting glasses"}


def test_a_3d_track_is_refused_in_words(analyzer):
    track = SkeletonTrack(np.arange(3.0), np.zeros((3, 62, 3)), np.ones((3, 62)), "gesture-62", (640, 480))
    with pytest.raises(DataError, match="2D"):
        analyzer.probabilities(track)


def test_points_that_are_hardly_seen_and_hands_alone_are_nobody(analyzer, track):
    faint = SkeletonTrack(track.times, track.points, 0.1 * track.scores, track.layout, track.image_size)
    body = np.zeros_like(track.scores)
    body[:, 22:52] = track.scores[:, 22:52]  # the fingers of both hands
    hands = SkeletonTrack(track.times, track.points, body, track.layout, track.image_size)
    lost = SkeletonTrack(track.times, np.full_like(track.points, np.nan), track.scores, track.layout, track.image_size)
    for nobody in (faint, hands, lost):
        with pytest.raises(DataError, match="no person was found"):
            analyzer.probabilities(nobody)
        timeline = analyzer.read(Watched((nobody,), Media("film", 6.0)))
        assert len(timeline) == 0
        assert timeline.provenance["unseen"] == {"P1": [[0.0, 6.0]]}


def test_too_few_poses_a_second_are_said(analyzer, track):
    slow = SkeletonTrack(track.times[::7], track.points[::7], track.scores[::7], track.layout, track.image_size)
    with pytest.raises(DataError, match="poses per second are too few"):
        analyzer.probabilities(slow)


def test_times_over_days_are_refused_before_memory_runs_out(track):
    times = track.times.copy()
    times[-1] = 1e7
    with pytest.raises(DataError, match="reach over 2778 hours"):
        resample(replace(track, times=times), 12.5)


def test_left_and_right_are_alike(analyzer, track):
    flip = track.skeleton.flip_permutation
    points = track.points[:, flip] * np.array([-1.0, 1.0]) + np.array([1000.0, 0.0])
    mirrored = SkeletonTrack(track.times, points, track.scores[:, flip], track.layout, track.image_size)
    np.testing.assert_allclose(analyzer.probabilities(mirrored), analyzer.probabilities(track), atol=1e-4)


def test_own_words_are_read_with_their_description_and_what_is_not_understood_is_said(analyzer):
    with pytest.raises(RecipeError, match="none of its words"):
        analyzer.with_vocabulary(Vocabulary.from_texts(["phubbing", "touching the nose"]))
    own = analyzer.with_vocabulary(Vocabulary.from_texts(["phubbing : holds a phone in the hand", "touching the zorp"]))
    assert own.vocabulary_remarks() == [
        "'phubbing': not understood: phubbing",
        "'touching the zorp': not understood: zorp",
    ]
    same = analyzer.with_vocabulary(Vocabulary.from_texts(["rubbing the chin", "stroking the jaw"]))
    assert "told apart by chance" in same.vocabulary_remarks()[0]
    assert analyzer.vocabulary_remarks() == []


def test_a_clip_cut_from_a_longer_track_has_its_own_length(analyzer, track, tmp_path):
    later = SkeletonTrack(track.times + 100, track.points, track.scores, track.layout, track.image_size)
    later.save(tmp_path / "later.npz")
    assert analyzer.recognize(tmp_path / "later.npz").end == pytest.approx(6.0, abs=0.1)


def test_a_skeleton_has_no_pictures_and_pose_turns_other_files_into_tracks(run, track, tmp_path, capsys):
    write_openpose(track, tmp_path / "openpose")
    assert main(["pose", str(tmp_path / "openpose"), "-o", str(tmp_path / "track.npz")]) == 0
    assert len(SkeletonTrack.load(tmp_path / "track.npz")) == len(track)
    argv = [
        "analyze",
        str(tmp_path / "track.npz"),
        "-o",
        str(tmp_path / "out"),
        "--model",
        str(run),
        "--thumbnails",
        "masked",
    ]
    assert main(argv) == 2
    assert "has no pictures" in capsys.readouterr().err


def test_features_of_an_event_are_those_of_its_seconds_alone(analyzer, track):
    """An emotion model over representations sees what the recogniser saw of the event, wherever it lies in a film."""
    events = (GestureEvent(1.0, 2.0, "Folding arms"), GestureEvent(3.0, 5.5, "Touching jaw"))
    found = analyzer.event_features(Watched((track,), Media("x", 6.0)), Timeline(events, Media(duration=6.0)))
    assert found.shape[0] == 2
    assert np.isfinite(found).all()
    assert np.abs(found[0] - found[1]).max() > 1e-3
    first = track.times[0]
    alone = track.between(first + 3.0, first + 5.5)
    shifted = SkeletonTrack(alone.times - alone.times[0], alone.points, alone.scores, alone.layout, alone.image_size)
    again = analyzer.event_features(
        Watched((shifted,), Media("x", 2.5)), Timeline((GestureEvent(0.0, 2.5, "Touching jaw"),))
    )
    np.testing.assert_allclose(again[0], found[1], atol=2e-2)
    assert analyzer.event_features(Watched((track,), Media("x", 6.0)), Timeline()).shape[0] == 0


def test_an_emotion_model_over_representations_is_given_them(analyzer, track, monkeypatch):
    watched = Watched((track,), Media("x", 6.0), "test")
    found = (GestureEvent(1.0, 2.0, "Folding arms"), GestureEvent(3.0, 4.0, "Touching jaw"))
    monkeypatch.setattr(analysis, "spot", lambda *arguments, **named: found)

    class Reader:
        config = EmotionConfig(input="features", classes=("a", "b"))

        def read(self, timeline, features):
            return EmotionReading(str(features.shape), {"a": 1.0})

    width = analyzer.event_features(Watched((track,), Media("x", 6.0)), Timeline(found)).shape[1]
    assert analyzer.read(watched, None, Reader()).emotion.label == f"(2, {width})"


def test_a_clip_begins_with_its_picture_and_no_event_before_it(analyzer, track, tmp_path, monkeypatch):
    class Filmed:
        """Sees the poses of the track, one per frame."""

        layout, name = track.layout, "filmed"

        def estimate(self, frame, time):
            k = int(np.argmin(np.abs(track.times - (time - 2.0))))
            return [Pose(track.points[k], track.scores[k])]

        def reset(self):
            pass

        close = reset

    monkeypatch.setattr(estimator, "create_estimator", lambda *options: Filmed())
    width, height = track.image_size
    blank = np.zeros((height, width, 3), np.uint8)
    write_video(tmp_path / "late.mp4", [blank] * 75, 25, times=2 + np.arange(75) / 25)
    event = analyzer.recognize(tmp_path / "late.mp4")
    assert (event.start, event.end) == pytest.approx((2.0, 5.0), abs=0.05)
    eager = SpottingConfig(gesture_threshold=1e-5, motion_threshold=0.0, window_s=2.0)
    timeline, tracks = analyzer.analyze_with_tracks(tmp_path / "late.mp4", eager)
    assert tracks[0].times[0] == pytest.approx(2.0, abs=2e-3)
    assert len(timeline) > 0
    assert min(e.start for e in timeline) >= 2.0 - 2e-3
    assert timeline.duration == pytest.approx(5.0, abs=0.05)
    assert timeline.provenance["unseen"] == {"P1": [[0.0, pytest.approx(2.0, abs=0.1)]]}
