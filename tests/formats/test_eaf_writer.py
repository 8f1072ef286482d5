from pathlib import Path

import pytest
from eaf_rules import check_document, entries, schema_is_there
from random_timelines import LABELS, random_timeline

from microgesture import Alternative, DataError, EmotionReading, GestureEvent, Media, Timeline, formats
from microgesture.formats import eaf

JAW = GestureEvent(
    0.5, 1.2504, "Touching jaw", 0, 0.8123, "head-hand", alternatives=(Alternative("Ears", 0.1),), annotator="m"
)
FOLD = GestureEvent(3.0, 5.0, "Folding arms", 1, 0.6, "body-hand", annotator="m")
LEG = GestureEvent(4.0, 6.0, "Shaking leg", None, 0.5, "lower limb", annotator="m")
THREE = Timeline((JAW, FOLD, LEG), Media("a.mp4", 10.0), "own", ("Touching jaw", "Folding arms", "Waving"))


def tiers_of(root):
    return {tier.get("TIER_ID"): tier for tier in root.iter("TIER")}


def annotations(root, name):
    times = {s.get("TIME_SLOT_ID"): int(s.get("TIME_VALUE")) for s in root.iter("TIME_SLOT")}
    return [
        (times[a.get("TIME_SLOT_REF1")], times[a.get("TIME_SLOT_REF2")], a.findtext("ANNOTATION_VALUE"))
        for a in tiers_of(root)[name].iter("ALIGNABLE_ANNOTATION")
    ]


def test_tiers_times_and_vocabulary(tmp_path):
    root = check_document(formats.write(THREE, tmp_path / "t.eaf"))
    tiers = tiers_of(root)
    assert root.get("FORMAT") == root.get("VERSION") == "3.0"
    assert {"MG@P1", "MG-confidence@P1", "MG-alternatives@P1", "Emotion@P1", "Review@P1"} <= set(tiers)
    assert annotations(root, "MG@P1") == [(500, 1250, "Touching jaw")]
    assert annotations(root, "MG-body-hand@P1") == [(3000, 5000, "Folding arms")]
    assert annotations(root, "MG-lower-limb@P1") == [(4000, 6000, "Shaking leg")]
    assert [a.text for a in tiers["MG-confidence@P1"].iter("ANNOTATION_VALUE")] == ["0.812"]
    assert [a.text for a in tiers["MG-alternatives@P1"].iter("ANNOTATION_VALUE")] == ["Ears (0.100)"]
    assert tiers["MG-confidence@P1"].get("PARENT_REF") == tiers["Review@P1"].get("PARENT_REF") == "MG@P1"
    assert not list(tiers["Review@P1"])
    assert all(tier.get("PARTICIPANT") == "P1" for tier in tiers.values())
    found = {v.get("CV_ID"): list(entries(v).values()) for v in root.iter("CONTROLLED_VOCABULARY")}
    assert found["MG-own"] == ["Touching jaw", "Folding arms", "Waving", "Shaking leg"]
    assert found["Review"] == ["accept", "reject", "unsure"]
    assert all("CVE_REF" in a.attrib for a in root.iter("ALIGNABLE_ANNOTATION"))


def test_each_time_is_rounded_once_and_a_millisecond_stays(tmp_path):
    short = (GestureEvent(1.0004, 1.0006, "a"), GestureEvent(2.0004, 2.0009, "b"), GestureEvent(5.0, 5.00001, "c"))
    root = check_document(formats.write(Timeline(short), tmp_path / "t.eaf"))
    assert annotations(root, "MG@P1") == [(1000, 1001, "a"), (2000, 2001, "b"), (5000, 5001, "c")]


def test_the_same_region_at_once_loses_no_event(tmp_path):
    many = tuple(GestureEvent(i * 0.1, 2 + i * 0.1, f"g{i}", None, 0.5, "head-hand") for i in range(4))
    bare = tuple(GestureEvent(10 + i, 15 + i, f"b{i}") for i in range(3))
    path = formats.write(Timeline(many + bare), tmp_path / "t.eaf")
    names = [n for n, t in tiers_of(check_document(path)).items() if n.startswith("MG") and not t.get("PARENT_REF")]
    heads = ["MG-head-hand@P1", *(f"MG-head-hand-{i}@P1" for i in (2, 3, 4))]
    assert names == ["MG@P1", *heads, "MG-2@P1", "MG-3@P1"]
    assert [e.label for e in formats.read(path)] == [e.label for e in many + bare]


@pytest.mark.parametrize("seed", range(25))
def test_any_timeline_is_a_right_document_and_comes_back(tmp_path, seed):
    timeline = random_timeline(seed)
    path = formats.write(timeline, tmp_path / "t.eaf")
    check_document(path)
    back = formats.read(path)

    def known(found):
        keys = [
            (round(e.start * 1000), e.label, e.confidence, e.body_region, e.person, e.alternatives, e.annotator)
            for e in found
        ]
        return sorted(keys, key=str)

    assert known(back) == known(timeline)
    ends = sorted(max(round(e.end * 1000), round(e.start * 1000) + 1) for e in timeline)
    assert sorted(round(e.end * 1000) for e in back) == ends
    assert all(e.label_id == LABELS.index(e.label) for e in back)
    assert (back.labels, back.vocabulary, back.media) == (timeline.labels, timeline.vocabulary, timeline.media)


def test_the_schema_agrees(tmp_path):
    schema_is_there()
    check_document(formats.write(THREE, tmp_path / "t.eaf"))  # asks the schema where it is there


def test_an_empty_timeline_is_a_whole_document(tmp_path):
    path = formats.write(Timeline(), tmp_path / "t.eaf")
    root = check_document(path)
    assert {"MG@P1", "Review@P1", "Emotion@P1"} <= set(tiers_of(root))
    assert formats.read(path) == Timeline()


def test_provenance_and_emotion_are_properties(tmp_path):
    reading = EmotionReading("negative", {"positive": 0.2, "negative": 0.8}, (0.6, 0.9), (), "lstm", "a guess")
    known = {"tool": "microgesture", "version": "0.1", "config": {"a": [1, None], "b": "ü <&>"}, "n": 3, "s": "3"}
    path = formats.write(
        Timeline((JAW,), Media("a.mp4", 9.9996), emotion=reading, provenance=known), tmp_path / "t.eaf"
    )
    root = check_document(path)
    assert annotations(root, "Emotion@P1") == [(0, 10000, "negative")]
    assert (back := formats.read(path)).emotion == reading
    assert back.provenance == known
    assert "microgesture.provenance.tool" in {p.get("NAME") for p in root.iter("PROPERTY")}
    with pytest.raises(DataError, match=r"provenance\.x"):
        formats.write(Timeline(provenance={"x": {1, 2}}), tmp_path / "u.eaf")


def test_a_reading_of_several_persons_is_of_none_of_them(tmp_path):
    both = (JAW, GestureEvent(0, 1, "x", person="P2"))
    path = formats.write(Timeline(both, Media(duration=5), emotion=EmotionReading("a", {"a": 1.0})), tmp_path / "t.eaf")
    root = check_document(path)
    assert annotations(root, "Emotion") == [(0, 5000, "a")]
    assert annotations(root, "Emotion@P1") == annotations(root, "Emotion@P2") == []


@pytest.mark.parametrize(
    ("file", "url", "relative"),
    [
        ("../my vidéo #1 50%25.mp4", "/my vidéo #1 50%25.mp4", "../../my vidéo #1 50%25.mp4"),
        ("out/a&b.mov", "/out/a&b.mov", "./a&b.mov"),
        ("beside.mp4", "/out/beside.mp4", "./beside.mp4"),
        (r"C:\My Videos\ü.mp4", "file:///C:/My Videos/ü.mp4", "./ü.mp4"),
        (r"\\server\share\a b.mp4", "file://server/share/a b.mp4", "./a b.mp4"),
        ("https://x.org/a b.mp4", "https://x.org/a b.mp4", "./a b.mp4"),
        ("bad\udcff\x01.mp4", "/out/bad\ufffd\ufffd.mp4", "./bad\ufffd\ufffd.mp4"),
    ],
)
def test_the_media_is_found_by_either_path(tmp_path, monkeypatch, file, url, relative):
    monkeypatch.chdir(tmp_path)
    root = check_document(formats.write(Timeline(media=Media(file, 1.0)), Path("out/t.eaf")))
    media = root.find("HEADER/MEDIA_DESCRIPTOR")
    if "//" not in url:
        base = tmp_path if not url.startswith("/my") else tmp_path.parent
        url = base.as_uri() + url
    assert media.get("MEDIA_URL") == url
    assert media.get("RELATIVE_MEDIA_URL") == relative
    assert media.get("MIME_TYPE") == ("video/quicktime" if file.endswith("mov") else "video/mp4")


def test_a_file_that_a_human_changed_is_not_written_over(tmp_path):
    path = formats.write(THREE, tmp_path / "t.eaf")
    formats.write(THREE.at_least(0.7), path)
    assert len(formats.read(path)) == 1
    reviewed = path.read_text("utf-8").replace("Touching jaw", "Touching ear")
    path.write_text(reviewed, "utf-8")
    with pytest.raises(DataError, match=r"t\.eaf: was changed by a human"):
        formats.write(THREE, path)
    assert path.read_text("utf-8") == reviewed


def test_what_is_too_late_for_the_format_is_said(tmp_path):
    with pytest.raises(DataError, match="later than ELAN can hold"):
        eaf.dumps(Timeline((GestureEvent(1, 5e6, "a"),)))


@pytest.mark.filterwarnings("ignore")
def test_pympi_sees_the_right_tiers_times_and_vocabulary(tmp_path):
    elan = pytest.importorskip("pympi.Elan")
    seen = elan.Eaf(str(formats.write(THREE, tmp_path / "t.eaf")))
    assert seen.get_annotation_data_for_tier("MG@P1") == [(500, 1250, "Touching jaw")]
    assert seen.get_annotation_data_for_tier("MG-body-hand@P1") == [(3000, 5000, "Folding arms")]
    assert seen.get_ref_annotation_data_for_tier("MG-confidence@P1")[0][:3] == (500, 1250, "0.812")
    assert seen.get_annotation_data_for_tier("Review@P1") == []
    assert {"MG-own", "Review"} <= set(seen.get_controlled_vocabulary_names())
    held = [values[0][0] for values, _ in seen.get_cv_entries("MG-own").values()]
    assert held == ["Touching jaw", "Folding arms", "Waving", "Shaking leg"]
    assert seen.get_parameters_for_tier("MG@P1")["PARTICIPANT"] == "P1"
