"""The weights in the package: that they are there, small, open without a network, and know what they should."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import microgesture
from microgesture.analysis.bodies import is_seen
from microgesture.analysis.views import view_of
from microgesture.analysis.watching import Watched
from microgesture.pretraining.built_in import score_clips
from microgesture.pretraining.estimated_bank import film
from microgesture.runs.run import built_in_weights
from microgesture.skeletons.layouts import GESTURE_62
from microgesture.skeletons.parts import NEEDED
from microgesture.spotting import match_events
from microgesture.synthetic.pictures.renderer import render_chunks
from microgesture.synthetic.worlds.skeleton_bank import RATE, act, make_bank
from microgesture.synthetic.worlds.skeleton_windows import SkeletonWindows
from microgesture.timeline import GestureEvent, Media
from microgesture.video import VideoWriter
from microgesture.vocabulary import Vocabulary

MEDIA = Path(__file__).parents[2] / "shared" / "media" / "asl"
AT_THE_MOUTH = {"Biting nails", "Covering face", "Touching or scratching facial parts", "Touching jaw", "Pressing lips"}
ON_THE_CHEST = {
    "Touching or covering suprasternal notch",
    "Dusting off clothes",
    "Buckle button, pulling shirt collar, adjusting tie",
}
AT_THE_FOREHEAD = {"Touching or scratching forehead", "Touching hat", "Playing or adjusting hair"}
HANDS_TOGETHER = {"Rubbing or holding hands", "Crossing fingers", "Minaret gesture", "Playing or manipulating objects"}


@pytest.fixture(scope="module")
def analyzer():
    analyzer = microgesture.load(device="cpu")
    assert (analyzer.modality, analyzer.run.spec.resolution) == ("skeleton", "moment")
    return analyzer


@pytest.fixture(scope="module")
def strangers():
    """Twenty people of the test domain with a seed of their own."""
    return make_bank(20, 987_654, "test")


def test_they_are_small_and_have_a_card():
    files = {path.name: path.stat().st_size for path in built_in_weights().iterdir()}
    assert files["model.safetensors"] < 20e6
    card = (built_in_weights() / "README.md").read_text("utf-8")
    assert "never tested on" in card
    assert "lie detector" in card


def test_they_name_what_strangers_do(analyzer, strangers):
    clips = score_clips(analyzer.run, strangers, "imigue", 400)
    metrics = clips.metrics(32)
    assert metrics.top1 > 0.6
    assert metrics.top5 > 0.95
    assert metrics.best_constant < 0.2


def test_one_set_of_weights_reads_three_vocabularies(analyzer, strangers):
    for name, least in (("smg", 0.75), ("ma52", 0.6)):
        words = Vocabulary.load(name)
        clips = score_clips(analyzer.run, strangers, name, 400)
        assert clips.metrics(len(words)).top1 > least
    head, _ = clips.by_region(words)["head"]
    assert head > 0.6, "movements of the head by itself"


def test_new_words_for_a_known_movement_find_it(analyzer):
    """Zero-shot as far as the words reach: paraphrases that no training saw, against other parts of the body."""
    bank = make_bank(6, 13, "test", motions=("fold_arms", "cross_legs", "adjust_hair", "nothing"), calm=0.0)
    texts = ["arms folded over the chest", "legs laid across", "stroking the fringe"]
    own = analyzer.with_vocabulary(Vocabulary.from_texts(texts))
    assert own.run.zero_shot
    view = {"trimmed": 1.0, "everything": True, "gaps": False, "alone_share": 1.0}
    windows = SkeletonWindows(bank, 90, ("ma52",), "test", **view)
    batch = windows.__getitems__(range(90))
    main = batch["main"].numpy()
    shown = main < 3
    found = own.run.objective.scores(batch["clip"]).detach().numpy().argmax(1)
    assert (found == main)[shown].mean() > 0.6


def test_untrimmed_people_get_events_that_match(analyzer, strangers):
    windows = SkeletonWindows(strangers, 1, ("smg",), "test", seed=3)
    words = Vocabulary.load("smg")
    other = analyzer.with_vocabulary(words)
    hits = truths = 0
    for number in range(8):
        track = windows.film(number)
        timeline = other.read(Watched((track,), Media("film", len(track) / RATE)))
        truth = windows.truth(number, words, "smg")
        matching = match_events(timeline.events, truth, iou=0.3)
        hits, truths = hits + matching.hits, truths + matching.truth
    assert hits / truths > 0.45


def test_mirrored_people_do_the_same(analyzer, strangers):
    track = SkeletonWindows(strangers, 1, ("imigue",), "test").film(0).between(0, 3.8)
    flip = track.skeleton.flip_permutation
    points = track.points[:, flip] * np.array([-1.0, 1.0]) + np.array([1000.0, 0.0])
    mirrored = type(track)(track.times, points, track.scores[:, flip], track.layout, track.image_size)
    plain, other = analyzer.probabilities(track), analyzer.probabilities(mirrored)
    assert set(np.argsort(-plain)[:2]) & set(np.argsort(-other)[:2])


def behind_a_bench(folder: Path) -> Path:
    """Ten seconds of a rendered person who moves both hands, and of whom a bench hides all below the chest."""
    acted = act(4711, "test", 3, ("rub_hands", "scratch_arm", "pat_legs", "play_object"), (10.0, 10.5), calm=0.0)
    filmed = film(acted, "test", 320)
    performance = acted.performance
    chest, _ = filmed.camera.project(performance.point("chest"))
    edge = int(np.clip(np.median(chest[:, 1]), 60, filmed.camera.size[1]))
    path = folder / "bench.mp4"
    with VideoWriter(path, RATE, filmed.camera.size) as writer:
        for chunk in render_chunks(performance, filmed.camera, filmed.appearance):
            for picture in chunk:
                picture[edge:] = (96, 62, 38)
                writer.write(picture)
    return path


def test_hands_behind_a_bench_make_no_gesture(analyzer, tmp_path):
    """As in court rooms: no hand is ever seen, and none may be said to do anything."""
    pytest.importorskip("mediapipe")
    video = behind_a_bench(tmp_path)
    for vocabulary in ("imigue", "ma52"):
        timeline = analyzer.with_vocabulary(Vocabulary.load(vocabulary)).analyze(video)
        visible = timeline.provenance["visible"]["P1"]
        assert visible["head"] > 0.8
        assert visible["hands"] < 0.2
        assert [event.label for event in timeline if NEEDED[event.body_region] == "hands"] == []
        assert any("hands can be seen" in said for said in analyzer.remarks(timeline))


def test_lost_hands_make_no_gesture_and_legs_in_the_picture_are_none(analyzer, strangers):
    """Both wrists at a score of 0.06, as an estimator leaves them below the edge of a bench."""
    ends = ("_wrist", "_tip", "_mid", "_knuckle", "_base")
    hands = [k for k, joint in enumerate(GESTURE_62.joints) if joint.endswith(ends)]
    windows = SkeletonWindows(strangers, 1, ("imigue",), "test", seed=5, everything=True)
    for number in range(4):
        track = windows.film(number)
        scores = track.scores.copy()
        scores[:, hands] = 0.06
        hidden = replace(track, scores=scores)
        timeline = analyzer.read(Watched((hidden,), Media("film", len(track) / RATE)))
        assert [event.label for event in timeline if NEEDED[event.body_region] == "hands"] == []
        event = GestureEvent(1.0, 4.0, "Touching jaw", analyzer.vocabulary.index("Touching jaw"))
        assert is_seen(analyzer.run, event, view_of(analyzer.run, track))
        assert not is_seen(analyzer.run, event, view_of(analyzer.run, hidden)), "whatever finds an event, it is refused"
        ranked = analyzer.probabilities(hidden)
        of_hands = [gesture.id for gesture in analyzer.vocabulary if NEEDED[gesture.body_region] == "hands"]
        assert ranked[of_hands].max() == 0.0


def test_two_parts_that_act_are_both_among_the_first_five(analyzer):
    bank = make_bank(12, 77, "test", motions=("fold_arms", "shake_legs"), calm=0.0)
    windows = SkeletonWindows(bank, 1, ("ma52",), "test", seed=5, everything=True)
    other = analyzer.with_vocabulary(Vocabulary.load("ma52"))
    both = together = 0
    for number in range(12):
        truth = windows.truth(number, other.vocabulary, "ma52")
        arms, legs = ([e for e in truth if e.label == label] for label in ("crossing arms", "shaking legs"))
        for one in arms:
            for leg in legs:
                start, end = max(one.start, leg.start), min(one.end, leg.end)
                if end - start < 2.5:
                    continue
                track = windows.film(number).between(start, min(end, start + 3.8))
                event = other.recognize_track(track)
                readings = {event.label, *(a.label for a in event.alternatives)}
                together += 1
                both += {"crossing arms", "shaking legs"} <= readings
    assert together >= 5
    assert both / together > 0.6


@pytest.mark.skipif(not MEDIA.is_dir(), reason="the real clips are not here")
@pytest.mark.parametrize(
    ("clip", "wanted"),
    [
        ("eat", AT_THE_MOUTH),
        ("thanks", AT_THE_MOUTH),
        ("please", ON_THE_CHEST),
        ("sorry", ON_THE_CHEST),
        ("hungry", ON_THE_CHEST),
        ("learn", AT_THE_FOREHEAD),
        ("sister", HANDS_TOGETHER),
        ("night", HANDS_TOGETHER),
    ],
)
def test_real_people_are_seen_where_their_hands_are(analyzer, clip, wanted):
    pytest.importorskip("mediapipe")
    event = analyzer.recognize(MEDIA / f"{clip}.mkv", top=3)
    assert wanted & {event.label, *(a.label for a in event.alternatives)}
