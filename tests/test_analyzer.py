"""Recognition of clips and analysis of videos with a run that has learnt the moving squares."""

import tracemalloc
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import microgesture
from microgesture import formats
from microgesture.analysis.analyzer import Analyzer
from microgesture.analysis.result_files import write_analysis
from microgesture.analysis.scanning import scan
from microgesture.analysis.views import PictureView
from microgesture.errors import RecipeError, VideoError
from microgesture.runs.data import make_dataset, open_manifest
from microgesture.runs.prediction import predict
from microgesture.runs.run import Run, Scores, load_run
from microgesture.spotting import SpottingConfig
from microgesture.timeline import Timeline
from microgesture.video import VideoReader, write_video
from microgesture.vocabulary import Vocabulary
from moving_squares import LABELS, REST, make_interview, moving_square, square_at

SPOTTING = SpottingConfig(window_s=1.0, stride_s=0.17, smoothing_s=0.3, edge_share=0.6)


@pytest.fixture(scope="module")
def analyzer(recogniser) -> Analyzer:
    return microgesture.load(str(recogniser))


@pytest.fixture(scope="module")
def interview(tmp_path_factory):
    return make_interview(tmp_path_factory.mktemp("interview") / "interview.mp4")


def video_of(path, frames: int, fps: float = 12, label: str = "right"):
    write_video(path, moving_square(label, np.random.default_rng(0), frames), fps=fps)
    return path


def test_a_clip_is_named_with_its_alternatives(analyzer, squares):
    event = analyzer.recognize(squares / "test_right_0.mp4", top=3)
    assert (event.label, event.start, event.label_id) == ("right", 0.0, analyzer.vocabulary.index("right"))
    assert event.end == pytest.approx(1.0)
    assert len(event.alternatives) == 2
    confidences = [event.confidence, *(a.confidence for a in event.alternatives)]
    assert confidences == sorted(confidences, reverse=True)
    assert event.annotator == "baseline"


def test_top_beyond_the_classes_gives_them_all_and_they_sum_to_one(analyzer, squares):
    event = analyzer.recognize(squares / "test_up_0.mp4", top=99)
    labels = [event.label, *(a.label for a in event.alternatives)]
    assert sorted(labels) == sorted((*LABELS, REST))
    assert event.confidence + sum(a.confidence for a in event.alternatives) == pytest.approx(1.0, abs=1e-5)
    assert analyzer.recognize(squares / "test_up_0.mp4", top=1).alternatives == ()


def test_recognition_sees_what_evaluation_sees(analyzer, recogniser):
    run = load_run(recogniser)
    dataset = make_dataset(run.recipe, open_manifest(run.recipe), "test")
    expected = predict(run.objective, dataset).probabilities(run.temperature)
    for row, probabilities in zip(dataset.rows[::5], expected[::5], strict=True):
        event = analyzer.recognize(row.video, top=9)
        found = {event.label: event.confidence} | {a.label: a.confidence for a in event.alternatives}
        assert [found[name] for name in run.vocabulary.names] == pytest.approx(probabilities.tolist(), abs=1e-5)


@pytest.mark.parametrize("frames", [2, 3, 5])
def test_a_clip_shorter_than_the_sample_gives_an_answer(analyzer, tmp_path, frames):
    event = analyzer.recognize(video_of(tmp_path / "short.mp4", frames))
    assert event.end == pytest.approx(frames / 12)
    assert event.label in analyzer.vocabulary


def test_one_frame_is_no_movement(analyzer, tmp_path):
    for job in (analyzer.recognize, analyzer.analyze):
        with pytest.raises(VideoError, match=r"one\.mp4: has only one frame"):
            job(video_of(tmp_path / "one.mp4", 1))


def test_planted_gestures_are_found_where_they_are(analyzer, interview):
    timeline = analyzer.analyze(interview, SPOTTING)
    assert [event.label for event in timeline] == ["right", "down"]
    for event, (start, end) in zip(timeline, [(3.0, 4.0), (6.0, 7.0)], strict=True):
        truth = replace(event, start=start, end=end)
        assert event.start == pytest.approx(start, abs=0.25)
        assert event.end == pytest.approx(end, abs=0.25)
        assert event.overlap(truth) > 0.7
    assert timeline.duration == pytest.approx(9.0)
    assert timeline.vocabulary == analyzer.vocabulary.name
    assert timeline.labels == analyzer.vocabulary.names
    assert timeline.media.size == (32, 32)
    assert len(timeline.media.sha256 or "") == 64
    assert timeline.provenance["model"] == "baseline"


def test_windows_stand_where_their_times_say(analyzer, interview):
    with VideoReader(interview) as reader:
        scores = scan(analyzer.run, PictureView(analyzer.run.spec, reader), SPOTTING)
    assert scores.times[0] == pytest.approx(0.5)
    assert scores.times[-1] == pytest.approx(8.5)
    assert np.diff(scores.times) == pytest.approx(np.full(len(scores.times) - 1, 1 / 6))
    assert scores.probabilities.shape == (len(scores.times), len(analyzer.vocabulary))
    for label, middle in (("right", 3.5), ("down", 6.5)):
        near = np.abs(scores.times - middle) < 1.4
        weights = scores.motion[near] / scores.motion[near].sum()
        assert (weights * scores.times[near]).sum() == pytest.approx(middle, abs=0.04)
        sure = scores.probabilities[:, analyzer.vocabulary.index(label)] > 0.5
        assert scores.times[sure].mean() == pytest.approx(middle, abs=0.2)
    still = (np.abs(scores.times - 3.5) > 1.1) & (np.abs(scores.times - 6.5) > 1.1)
    assert scores.motion[still].max() < 0.2 * scores.motion.max()


@pytest.mark.parametrize("seconds", [8.9, 3.05, 2.5])
def test_the_last_window_ends_with_the_video(analyzer, tmp_path, seconds):
    frames = round(seconds * 12)
    write_video(tmp_path / "v.mp4", np.stack([square_at(4, 4)] * frames), fps=12)
    config = SpottingConfig(window_s=1.0, stride_s=0.7)
    with VideoReader(tmp_path / "v.mp4") as reader:
        times = scan(analyzer.run, PictureView(analyzer.run.spec, reader), config).times
        assert times[-1] + 0.5 == pytest.approx(reader.duration, abs=1 / 6)
        assert times[-1] + 0.5 <= reader.duration + 1e-6
        assert (np.diff(times) <= 0.7 + 1e-9).all()


def test_a_video_shorter_than_a_window_is_one_window(analyzer, tmp_path):
    path = video_of(tmp_path / "short.mp4", 12)
    with VideoReader(path) as reader:
        view = PictureView(analyzer.run.spec, reader)
        scores = scan(analyzer.run, view, SpottingConfig(window_s=5.0))
    assert scores.times == pytest.approx([0.5])
    (event,) = analyzer.analyze(path, SpottingConfig(window_s=5.0)).events
    assert (event.label, event.start, event.end) == ("right", 0.0, pytest.approx(1.0))


def always(probabilities):
    """`Run.score` that scores every clip the same."""
    logits = np.log(np.asarray(probabilities))
    return lambda self, clips: Scores(self.temperature * np.tile(logits, (len(clips), 1)))


def test_events_are_sorted_inside_the_video_and_may_overlap(recogniser, interview, monkeypatch):
    analyzer = Analyzer(load_run(recogniser))
    regions = [replace(c, body_region="head" if c.name == "up" else "upper limb") for c in analyzer.vocabulary]
    analyzer.run.objective.vocabulary = Vocabulary("own", tuple(regions))
    monkeypatch.setattr(Run, "score", always([0.05, 0.4, 0.05, 0.05, 0.45]))  # down and up at once, all the time
    timeline = analyzer.analyze(interview, SPOTTING)
    assert {event.label for event in timeline} == {"down", "up"}
    starts = [event.start for event in timeline]
    assert starts == sorted(starts)
    assert all(0 <= event.start < event.end <= timeline.duration for event in timeline)
    assert timeline[0].overlap(timeline[1]) > 0.9


def test_progress_rises_to_the_end(analyzer, interview):
    seen: list[tuple[float, float]] = []
    analyzer.analyze(interview, SPOTTING, progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (pytest.approx(9.0), pytest.approx(9.0))


def test_memory_does_not_grow_with_the_video(analyzer, tmp_path, monkeypatch):
    monkeypatch.setattr(Run, "score", always(np.full(5, 0.2)))

    def peak(seconds: int) -> int:
        path = tmp_path / f"{seconds}.mp4"
        frame = square_at(8, 8, size=128)
        write_video(path, (frame for _ in range(seconds * 12)), fps=12)
        tracemalloc.start()  # NumPy and Python objects: where frames would pile up
        try:
            analyzer.analyze(path, SPOTTING)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(6)
    short, long = peak(12), peak(48)
    a_frame = 32 * 32 * 3
    assert long - short < 36 * 6 * a_frame / 2  # half of what the frames of 36 s more would take


def test_a_large_picture_is_decoded_small(analyzer, tmp_path, monkeypatch):
    write_video(tmp_path / "large.mp4", np.stack([square_at(8, 8, size=640)] * 24), fps=12)
    sizes = []
    original = VideoReader.stream
    monkeypatch.setattr(VideoReader, "stream", lambda self, **k: sizes.append(k["size"]) or original(self, **k))
    analyzer.analyze(tmp_path / "large.mp4", SPOTTING)
    assert sizes == [(32, 32)]


def test_other_label_texts_need_a_visual_text_run(analyzer, reader_of_texts, squares):
    other = Vocabulary.from_texts(["moving right", "up", "right", "No gesture"], "own")
    with pytest.raises(RecipeError, match="visual-text"):
        analyzer.with_vocabulary(other)
    reader = microgesture.load(str(reader_of_texts))
    asked = reader.with_vocabulary(other)
    event = asked.recognize(squares / "test_right_1.mp4", top=9)
    assert event.label in ("right", "moving right")
    assert {event.label, *(a.label for a in event.alternatives)} == set(other.names)
    timeline = asked.analyze(squares / "test_right_1.mp4", SPOTTING)
    assert (timeline.vocabulary, timeline.labels) == ("own", other.names)
    assert reader.vocabulary.names != other.names
    assert reader.recognize(squares / "test_right_1.mp4").label == "right"


def test_devices_that_are_not_there_are_said(recogniser):
    for device in ("nonsense", "cuda:99", "cpu:x"):
        with pytest.raises(RecipeError, match=f"device '{device}'"):
            microgesture.load(str(recogniser), device=device)


def test_an_emotion_model_reads_the_timeline(analyzer, interview):
    class Reader:
        config = SimpleNamespace(input="text")

        def read(self, timeline: Timeline, features: None) -> str:
            return f"{len(timeline)} events"

    assert analyzer.analyze(interview, SPOTTING, emotion=Reader()).emotion == "2 events"


def late_interview(path, start: float, pause: float = 0.0):
    """The interview with its first picture at `start` s, and `pause` s without frames after its 5th second."""
    times = start + np.arange(9 * 12) / 12
    times[5 * 12 :] += pause
    plain = make_interview(path.with_name("plain.mp4"))
    with VideoReader(plain) as reader:
        write_video(path, np.concatenate([frames for _, frames in reader.stream()]), 12, times=times, crf=10)
    return path


def test_a_late_picture_shifts_every_time_in_every_file(analyzer, interview, tmp_path):
    """What is read in a player is what stands in JSON, CSV, EAF and VTT."""
    plain = analyzer.analyze(interview, SPOTTING)
    late = analyzer.analyze(late_interview(tmp_path / "late.mp4", 2.0), SPOTTING)
    assert [event.label for event in late] == ["right", "down"]
    for event, other in zip(late, plain, strict=True):
        assert (event.start, event.end) == pytest.approx((other.start + 2, other.end + 2), abs=0.05)
    assert late.duration == pytest.approx(11.0, abs=0.01)
    write_analysis(late, tmp_path / "out", tmp_path / "late.mp4")
    for name in ("timeline.json", "timeline.csv", "timeline.eaf", "timeline.vtt"):
        read = formats.read(tmp_path / "out" / name)
        events = sorted((e for e in read if e.label in ("right", "down")), key=lambda e: e.start)
        for event, other in zip(events, late, strict=True):
            assert (event.start, event.end) == pytest.approx((other.start, other.end), abs=2e-3), name


def test_a_clip_begins_with_its_picture(analyzer, tmp_path):
    frames = moving_square("right", np.random.default_rng(0), 12)
    write_video(tmp_path / "late.mp4", frames, 12, times=2 + np.arange(12) / 12)
    write_video(tmp_path / "plain.mp4", frames, 12)
    late, plain = (analyzer.recognize(tmp_path / name) for name in ("late.mp4", "plain.mp4"))
    assert (late.start, late.end) == pytest.approx((2.0, 3.0), abs=0.01)
    assert (late.label, late.confidence) == (plain.label, pytest.approx(plain.confidence, abs=1e-3))


def test_no_gesture_is_read_from_a_held_frame(analyzer, tmp_path):
    path = late_interview(tmp_path / "paused.mp4", 0.0, pause=20.0)
    with VideoReader(path) as reader:
        scores = scan(analyzer.run, PictureView(analyzer.run.spec, reader), SPOTTING)
    before, after = scores.times[scores.times < 15], scores.times[scores.times > 15]
    assert (before[0], before[-1]) == pytest.approx((0.5, 4.4), abs=0.1)  # frames to 4.9 s, and from 25 s on
    assert (after[0], after[-1]) == pytest.approx((25.5, 28.5), abs=0.1)
    assert [event.label for event in analyzer.analyze(path, SPOTTING)] == ["right", "down"]
    assert analyzer.analyze(path, SPOTTING)[1].start == pytest.approx(26, abs=0.25)
