"""What can be known of a window: framing that tells nothing, parts out of sight, words that are missing."""

import numpy as np
import pytest

from microgesture.pretraining.blind_audit import blind_audit
from microgesture.skeletons.layouts import GESTURE_62
from microgesture.skeletons.parts import PARTS, parts_seen
from microgesture.synthetic.estimator.framing import visibility
from microgesture.synthetic.people.motion import MOTIONS
from microgesture.synthetic.people.schedule import GROUPS
from microgesture.synthetic.worlds.skeleton_bank import LIBRARY, RATE, make_bank
from microgesture.synthetic.worlds.skeleton_windows import SkeletonWindows
from microgesture.synthetic.worlds.window_truth import Happening, Truth
from microgesture.vocabulary import Vocabulary

VOCABULARIES = ("imigue", "smg", "ma52")
TRUTH = Truth(LIBRARY, VOCABULARIES)
FRAMES = 48


def happening(seen: dict[str, slice] | None = None) -> Happening:
    """One window of 48 frames in which the parts named are in view for a part of the time only, the others always."""
    parts = np.ones((1, FRAMES, 6), bool)
    for name, when in (seen or {}).items():
        columns = [0, 1] if name == "hands" else [PARTS.index(name) + 1]
        for column in columns:
            parts[0, :, column] = False
            parts[0, when, column] = True
    return Happening(TRUTH, parts, parts, np.array([FRAMES]), 2)


def column(vocabulary: str, label: str) -> int:
    number = VOCABULARIES.index(vocabulary)
    first = int(np.flatnonzero(TRUTH.vocabulary_of == number)[0])
    return first + Vocabulary.load(vocabulary).with_background().index(label)


def add(what: Happening, motion: str, begin: float = 0.0, end: float = FRAMES / RATE, hands: int = 0) -> None:
    what.add(0, LIBRARY.index(motion), hands, begin, end, FRAMES, RATE)


def targets(what: Happening) -> tuple[np.ndarray, np.ndarray]:
    """Shares and whether they can be told, (K,) each."""
    return TRUTH.shares(what.share)[0], TRUTH.of_classes(what.tell, what.nothing)[0]


def test_parts_are_numbered_alike_everywhere():
    assert PARTS == GROUPS


def test_every_vocabulary_has_its_columns_in_order():
    truth = Truth(tuple(MOTIONS), ["imigue", "smg"])
    imigue = Vocabulary.load("imigue").with_background()
    assert truth.classes.shape == (len(MOTIONS), len(imigue) + 18)
    jaw = list(MOTIONS).index("touch_jaw")
    assert truth.classes[jaw, imigue.index("Touching jaw")] == 1
    assert truth.classes[jaw, : len(imigue)].sum() == 1
    chest = list(MOTIONS).index("touch_chest")
    assert truth.nameless[chest, 0], "iMiGUE has no word for a hand on the chest"


def test_a_gesture_in_view_is_told_and_nothing_else_is():
    what = happening()
    add(what, "touch_jaw", hands=1)
    share, tell = targets(what)
    jaw, ears = column("imigue", "Touching jaw"), column("imigue", "Touching ears")
    assert share[jaw] == pytest.approx(1.0)
    assert share[ears] == 0.0
    assert tell[[jaw, ears]].all()
    assert what.active[0, :, LIBRARY.index("touch_jaw")].min() == 1.0


def test_a_gesture_of_hands_that_are_not_seen_cannot_be_known():
    what = happening({"hands": slice(0, 10)})
    add(what, "touch_jaw", hands=1)
    share, tell = targets(what)
    assert not tell[column("imigue", "Touching jaw")]
    assert not tell[column("imigue", "No gesture")], "it would be a lie to call this nothing"
    assert tell[column("ma52", "nodding")], "the head is seen"
    assert share[column("imigue", "Touching jaw")] == 0.0
    tokens = TRUTH.of_classes(what.tell_tokens)[0]
    assert tokens[:5, column("imigue", "Touching jaw")].all()
    assert not tokens[5:, column("imigue", "Touching jaw")].any()


def test_the_other_hand_in_view_does_not_help():
    parts = np.ones((1, FRAMES, 6), bool)
    parts[0, :, 0] = False  # the left hand acts beyond the edge, the right one rests in view
    what = Happening(TRUTH, parts, parts, np.array([FRAMES]), 2)
    add(what, "scratch_legs", hands=1)
    assert not targets(what)[1][column("ma52", "scratching legs")]
    both = Happening(TRUTH, parts, parts, np.array([FRAMES]), 2)
    add(both, "scratch_legs", hands=3)
    assert targets(both)[1][column("ma52", "scratching legs")]


def test_a_hand_that_is_claimed_and_not_in_view_shows_nothing():
    seen, claimed = np.ones((1, FRAMES, 6), bool), np.ones((1, FRAMES, 6), bool)
    seen[..., :2] = False
    what = Happening(TRUTH, seen, claimed, np.array([FRAMES]), 2)
    add(what, "touch_jaw", hands=1)
    jaw = column("imigue", "Touching jaw")
    assert TRUTH.of_classes(what.tell_tokens)[0][:, jaw].all(), "the moments are taught"
    assert (what.active[0] @ TRUTH.classes)[:, jaw].max() == 0.0, "to be empty"


def test_a_motion_without_a_word_takes_its_part_of_the_body_out():
    what = happening()
    add(what, "touch_chest", hands=1)
    add(what, "shake_legs")
    share, tell = targets(what)
    assert not tell[column("imigue", "Touching jaw")]
    assert not tell[column("imigue", "No gesture")]
    assert tell[column("ma52", "scratching or touching chest")]
    assert tell[column("smg", "Moving legs")]
    assert share[column("smg", "Moving legs")] == pytest.approx(1.0)


def test_a_posture_whose_beginning_was_not_seen_cannot_be_known():
    before, begun = happening(), happening()
    add(before, "spread_legs", begin=-2.0)
    add(begun, "spread_legs", begin=0.3)
    spread = column("ma52", "spread legs")
    assert not targets(before)[1][spread]
    assert targets(begun)[1][spread]
    assert targets(begun)[0][spread] > 0.5
    repeated = happening()
    add(repeated, "shake_legs", begin=-2.0)
    assert targets(repeated)[1][column("ma52", "shaking legs")], "what is repeated is seen at any time"


def test_all_classes_have_a_motion_and_a_part():
    assert TRUTH.classes.sum(0).min() > 0 or set(np.flatnonzero(TRUTH.classes.sum(0) == 0)) <= set(TRUTH.last)
    for vocabulary, label, part in (
        ("ma52", "nodding", "head"),
        ("ma52", "tiptoe", "legs"),
        ("imigue", "Moving torso", "trunk"),
        ("smg", "Folding arms", "hands"),
    ):
        assert GROUPS[TRUTH.groups[column(vocabulary, label)]] == part


def test_pictures_do_not_look_at_the_motion():
    """The same draws, whatever the hands and legs do."""
    points = np.zeros((50, 4, 62, 2), np.float32)
    points[:, :, [GESTURE_62.index("left_knee"), GESTURE_62.index("right_knee")], 1] = 2.4
    moved = points.copy()
    moved[:, :, GESTURE_62.index("left_wrist"), 1] = 3.0
    table = np.zeros(50, bool)
    one, other = (visibility(p, table, np.random.default_rng(4)) for p in (points, moved))
    same = np.arange(62) != GESTURE_62.index("left_wrist")
    np.testing.assert_array_equal(one[:, :, same], other[:, :, same])
    hidden = (other[:, 0, GESTURE_62.index("left_wrist")] < 1).mean()
    assert 0.3 < hidden < 0.8, "in about half of the pictures a hand in the lap is out of view"


def test_what_is_in_the_picture_does_not_tell_the_gesture():
    audit = blind_audit(make_bank(36, 71), 2600, seed=5)
    assert audit.leak < 0.03
    assert audit.balanced < audit.even + 0.08
    assert audit.majority < 0.8


def test_the_audit_finds_a_leak_where_there_is_one(monkeypatch):
    bank = make_bank(24, 71, motions=("touch_jaw", "touch_ear", "shake_legs", "nothing"))
    legs = [index for index, joint in enumerate(GESTURE_62.joints) if "knee" in joint or "ankle" in joint]

    class Framed(SkeletonWindows):
        def __getitems__(self, indices):
            batch = super().__getitems__(indices)
            others = (batch["main"] != bank.motions.index("shake_legs")).nonzero()[:, 0]
            batch["clip"][others[:, None], ..., legs, 2] = 0.0
            return batch

    plain = blind_audit(bank, 1000)
    monkeypatch.setattr("microgesture.pretraining.blind_audit.SkeletonWindows", Framed)
    assert blind_audit(bank, 1000).leak > plain.leak + 0.05


def test_windows_say_what_is_seen_in_them():
    bank = make_bank(6, seed=8)
    batch = SkeletonWindows(bank, 200, trimmed=0.0, noise=None, gaps=False).__getitems__(range(160))
    known = batch["clip"][:, 0, :, :, 2].numpy() > 0
    seen = parts_seen(known)[..., 2].sum(1) / np.maximum(known.any(-1).sum(1), 1)
    what = Truth(bank.motions, VOCABULARIES)
    legs = np.flatnonzero(what.groups == GROUPS.index("legs"))
    tell = batch["tell"][:, legs].numpy()
    assert not tell[seen < 0.5].any()
    assert tell[seen > 0.5].any()
