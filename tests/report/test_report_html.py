"""The report: complete, self-contained, and safe against what stands in labels and file names."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources

import pytest
from markupsafe import Markup

from microgesture.errors import DataError, UserError
from microgesture.report import write_report
from microgesture.report.lanes import stacked, tick_step
from microgesture.report.markup import clean, clock, percent
from microgesture.timeline import Alternative, Driver, EmotionReading, GestureEvent, Media, Timeline
from microgesture.vocabulary import GestureClass, Vocabulary

JPEG = b"\xff\xd8\xff\xe0" + b"\x00" * 40
HOSTILE = "</script></style><!-- /emotion --><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&lt;b>\x00\u202e"
HOSTILE += "{{ 7 * 191 }}{% include 'report/page.html' %}"
VOID = {"meta", "link", "img", "input", "br"}


class Page(HTMLParser):
    """Elements with their attributes, and the text inside each element id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.unclosed: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        self.unclosed += self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.unclosed.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    def all(self, tag, **wanted):
        return [a for t, a in self.elements if t == tag and all(a.get(k) == v for k, v in wanted.items())]

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def sample(n=6, persons=("P1",), labels=("Touching jaw", "Moving torso"), regions=("head-hand", "body")):
    events = tuple(
        GestureEvent(
            1.0 + 2 * i,
            2.5 + 2 * i,
            labels[i % len(labels)],
            None,
            0.5 + 0.4 * (i % 2),
            regions[i % len(regions)],
            persons[i % len(persons)],
            (Alternative("Biting nails", 0.2),),
        )
        for i in range(n)
    )
    reading = EmotionReading(
        "negative",
        {"positive": 0.3, "negative": 0.7},
        (0.55, 0.83),
        (Driver(1, labels[1 % len(labels)], -0.7), Driver(0, labels[0], 0.4), Driver(999, "gone", 0.3)),
        "transformer over text",
        "Only a tendency.",
    )
    provenance = {
        "tool": "microgesture",
        "version": "0.1.0",
        "model": "runs/a",
        "created": "2025-01-02T03:04:05",
        "config": {"spotting": {"stride_s": 0.4}},
        "trained_on": "It learnt from 100 clips.",
    }
    return Timeline(events, Media("talk.mp4", 2.0 * n + 4, 25.0, (640, 360)), "imigue", (), reading, provenance)


def page_of(tmp_path, timeline, **options):
    path = write_report(timeline, tmp_path / "report.html", **options)
    text = path.read_text("utf-8")
    page = Page(text)
    assert page.unclosed == []
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    return page, text


def test_everything_is_in_the_page(tmp_path):
    page, _ = page_of(tmp_path, sample(), video=tmp_path / "talk.mp4", title="First talk")
    for words in (
        "First talk",
        "talk.mp4",
        "P1",
        "runs/a",
        "2025-01-02 03:04",
        "6 gestures",
        "Touching jaw",
        "The fingertips of one hand touch, rub or stroke the chin",
        "Biting nails",
        "90 %",
        "negative: 55 % to 83 %",
        "Only a tendency.",
        "-0.70",
        "stride_s",
        "It learnt from 100 clips.",
        "not a lie detector",
        "hiring",
        "European Union",
    ):
        assert words in page.text, words
    assert len(page.all("rect", **{"class": "bar"})) == 6
    rows = [a for a in page.all("tr") if str(a.get("id", "")).startswith("e")]
    assert [r["data-start"] for r in rows] == [f"{1 + 2 * i:.3f}" for i in range(6)]
    links = [a["href"] for a in page.all("a") if str(a["href"]).startswith("#e") and a["href"] != "#events"]
    assert links == ["#e1", "#e0"]  # in order of size, and none to an event that is not there


def test_bars_stand_where_the_events_are(tmp_path):
    timeline = sample(4)
    page, _ = page_of(tmp_path, timeline)
    by_event = {int(a["data-e"]): a for a in page.all("rect")}
    for i, event in enumerate(timeline):
        assert float(by_event[i]["x"].rstrip("%")) == pytest.approx(100 * event.start / 12.0, abs=1e-3)
        assert float(by_event[i]["width"].rstrip("%")) == pytest.approx(100 * event.duration / 12.0, abs=1e-3)
        assert float(by_event[i]["fill-opacity"]) == pytest.approx(0.2 + 0.8 * event.confidence, abs=0.01)
        assert event.label in by_event[i]["aria-label"]


def test_nothing_is_fetched_and_only_our_script_may_run(tmp_path):
    page, text = page_of(tmp_path, sample(), video=tmp_path / "talk.mp4", thumbnails=[JPEG] * 6)
    assert not re.search(r"(https?:)?//[a-z]", text.replace("// --", ""), re.IGNORECASE)
    assert "@import" not in text
    assert page.all("link") == []
    for tag, attrs in page.elements:
        assert not any(name.startswith("on") for name in attrs)
        if "src" in attrs:
            assert tag == "video" or attrs["src"].startswith("data:image/jpeg;base64,")
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert "default-src 'none'" in policy
    script = text[text.index("<script>") + 8 : text.index("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    assert "innerHTML" not in script


def test_hostile_text_stays_text(tmp_path):
    event = GestureEvent(1, 2, HOSTILE, None, 0.7, HOSTILE, HOSTILE, (Alternative(HOSTILE, 0.2),), HOSTILE)
    other = GestureEvent(3, 4, "plain", person="P2")
    reading = EmotionReading(
        HOSTILE, {HOSTILE: 0.9, "b": 0.1}, (0.8, 1.0), (Driver(0, HOSTILE, 1.0),), HOSTILE, HOSTILE
    )
    provenance = {HOSTILE: HOSTILE, "model": HOSTILE, "config": {HOSTILE: [HOSTILE]}, "trained_on": HOSTILE}
    timeline = Timeline((event, other), Media(HOSTILE, 9.0), HOSTILE, (), reading, provenance)
    vocabulary = Vocabulary("own", (GestureClass(0, HOSTILE, HOSTILE),))
    name = 'a"><script>alert(1)<!--$title${x}.mp4'
    page, text = page_of(tmp_path, timeline, video=tmp_path / name, title=HOSTILE, vocabulary=vocabulary)
    assert len(page.all("script")) == 1
    assert page.all("img") == []
    assert not any(key.startswith("on") for _, attrs in page.elements for key in attrs)
    assert len(page.all("style")) == 1
    assert text.count("<!-- /emotion -->") == 1
    assert "alert(1)" in page.text
    assert "{{ 7 * 191 }}{% include" in page.text
    assert "1337" not in text
    assert "\x00" not in text
    assert "\u202e" not in text
    source = page.all("video")[0]["src"]
    assert not set(source) & set("\"'<>: ")
    assert source.endswith(".mp4")


def test_no_template_lets_markup_through_or_leaves_a_value_without_quotes():
    package = resources.files("microgesture")
    templates = [f for room in ("report", "reasoning") for f in (package / room).iterdir() if f.name.endswith(".html")]
    assert len(templates) > 5
    for file in templates:
        text = file.read_text("utf-8")
        assert not re.search(r"\|\s*safe|autoescape", text), file.name
        assert not re.search(r"\w=\{\{", text), file.name


@pytest.mark.parametrize("kind", ["file", "label"])
def test_names_that_are_not_utf8_are_written(tmp_path, kind):
    broken = b"caf\xe9.mp4".decode("utf-8", "surrogateescape")
    timeline = sample(1, labels=(broken,)) if kind == "label" else replace(sample(1), media=Media(broken, 5.0))
    page, _ = page_of(tmp_path, timeline, video=tmp_path / broken)
    assert page.all("video")[0]["src"] == "caf%E9.mp4"


def test_the_video_is_referenced_relative_to_the_report(tmp_path):
    video = tmp_path / "my media" / "tälk #1 100%.mp4"
    path = write_report(sample(), tmp_path / "out" / "deep" / "report.html", video)
    source = Page(path.read_text("utf-8")).all("video")[0]["src"]
    assert source == "../../my%20media/t%C3%A4lk%20%231%20100%25.mp4"
    without = Page(write_report(sample(), tmp_path / "b.html").read_text("utf-8"))
    assert "src" not in without.all("video")[0]
    assert "hidden" in without.all("video")[0]


def test_no_events_and_no_reading(tmp_path):
    page, _ = page_of(tmp_path, Timeline(media=Media("empty.mp4", 30.0)))
    assert "No gesture was found" in page.text
    assert "No reading of emotion" in page.text
    assert page.all("rect") == []
    page, _ = page_of(tmp_path, Timeline())
    assert "Micro-gesture report" in page.text


def test_five_hundred_events_of_two_persons(tmp_path):
    timeline = sample(500, ("P1", "P2"))
    page, text = page_of(tmp_path, timeline)
    assert len(page.all("rect")) == 500
    assert len(text) < 1_000_000
    assert page.text.count("P2") >= 250
    lanes = [a for a in page.all("div") if str(a.get("class", "")).startswith("lane r")]
    assert len(lanes) == 2  # each person does one of the two gestures
    assert "data-extent" in page.all("div", id="lanes")[0]


def test_stretches_without_the_person_are_hatched_and_said(tmp_path):
    timeline = replace(sample(4), provenance={"unseen": {"P1": [[0.5, 1.0], [9.0, 99.0]]}})
    page, _ = page_of(tmp_path, timeline)
    gaps = page.all("rect", **{"class": "unseen"})
    lanes = [a for a in page.all("div") if str(a.get("class", "")).startswith("lane r")]
    assert len(gaps) == 2 * len(lanes) == 4
    assert float(gaps[0]["x"].rstrip("%")) == pytest.approx(100 * 0.5 / 12, abs=1e-3)
    assert float(gaps[1]["x"].rstrip("%")) + float(gaps[1]["width"].rstrip("%")) == pytest.approx(100)
    assert "the person is not in view. Those stretches are hatched" in page.text
    assert "Hatched: the person is not in view." in page.text
    plain, _ = page_of(tmp_path, sample(4))
    assert plain.all("rect", **{"class": "unseen"}) == []
    assert "not in view" not in plain.text


def test_an_empty_timeline_still_shows_where_nobody_was(tmp_path):
    page, _ = page_of(tmp_path, Timeline(media=Media("a.mp4", 10.0), provenance={"unseen": [[0.0, 10.0]]}))
    assert len(page.all("rect", **{"class": "unseen"})) == 1
    assert "For 10.0 seconds (100 % of the video) the person is not in view" in page.text


@pytest.mark.parametrize(
    "unseen", [None, 5, "ab", [[2]], [[3, 1]], [["a", "b"]], {"P1": None}, {"P1": [[1, float("inf")]]}, [None], []]
)
def test_what_does_not_say_a_stretch_is_left_out(tmp_path, unseen):
    page, _ = page_of(tmp_path, replace(sample(2), provenance={"unseen": unseen}))
    assert page.all("rect", **{"class": "unseen"}) == []


def test_unsure_readings_and_untaught_names_are_said(tmp_path):
    timeline = sample(4)
    events = [replace(e, confidence=c) for e, c in zip(timeline, (0.3, 0.49, 0.5, 0.9), strict=True)]
    page, _ = page_of(tmp_path, replace(timeline.with_events(events), provenance={"zero_shot": True}))
    assert "2 of 4 gestures have a confidence below 50 %" in page.text
    assert len(page.all("rect", **{"class": "bar unsure"})) == 2
    assert len(page.all("span", **{"class": "chip unsure"})) == 2
    assert "zero-shot" in page.text
    sure, _ = page_of(tmp_path, timeline.with_events(events[2:]))
    assert "unsure" not in sure.text
    assert "zero-shot" not in sure.text


def test_undecided_names_the_leading_outcome(tmp_path):
    reading = EmotionReading("undecided", {"win": 0.6, "lose": 0.4}, (0.4, 0.8), (Driver(0, "x", 0.2),))
    page, _ = page_of(tmp_path, replace(sample(1), emotion=reading))
    assert "Undecided" in page.text
    assert "win: 40 % to 80 %" in page.text
    page, _ = page_of(tmp_path, replace(sample(1), emotion=EmotionReading("undecided", {})))
    assert "Undecided" in page.text


def test_gestures_that_speak_against_the_reading_are_not_its_reason(tmp_path):
    said = "what was not seen, or seldom, speaks for it"
    for effect, expected in ((-0.6, True), (0.6, False)):
        reading = EmotionReading("win", {"win": 0.7, "lose": 0.3}, (0.4, 0.8), (Driver(0, "x", effect),))
        page, _ = page_of(tmp_path, replace(sample(1), emotion=reading))
        assert (said in page.text) == expected


def test_thumbnails_by_list_by_function_and_wrong_ones(tmp_path):
    uri = "data:image/png;base64,iVBORw0KGgo="
    page, _ = page_of(tmp_path, sample(3), thumbnails=[JPEG, None, uri])
    assert [a["src"][:16] for a in page.all("img")] == ["data:image/jpeg;", "data:image/png;b"]
    page, _ = page_of(tmp_path, sample(3), thumbnails=lambda event: JPEG if event.start > 2 else None)
    assert len(page.all("img")) == 2
    with pytest.raises(DataError, match="2 thumbnails for 3 events"):
        write_report(sample(3), tmp_path / "x.html", thumbnails=[JPEG] * 2)
    for wrong in (
        "http://example.org/a.jpg",
        "data:text/html;base64,AAAA",
        b"GIF",
        'data:image/png;base64,A" onload="x',
    ):
        with pytest.raises(DataError, match="thumbnail 0"):
            write_report(sample(1), tmp_path / "x.html", thumbnails=[wrong])
    assert not (tmp_path / "x.html").exists()


def test_descriptions_come_from_the_vocabulary_or_a_built_in_one(tmp_path):
    own = Vocabulary("own", (GestureClass(0, "touching JAW", "My own words."),))
    page, _ = page_of(tmp_path, sample(2), vocabulary=own)
    assert "My own words." in page.text
    assert "upper body leans" in page.text  # not in `own`: from the built-in vocabulary
    page, _ = page_of(tmp_path, sample(1, labels=("Moving legs",)))
    assert "bounce, swing or step" in page.text  # an SMG label in an iMiGUE timeline


def test_events_that_overlap_in_one_lane_get_rows_of_their_own():
    events = [GestureEvent(0, 4, "a"), GestureEvent(1, 2, "b"), GestureEvent(2, 3, "c"), GestureEvent(4, 5, "d")]
    assert [row for row, _, _ in stacked(list(enumerate(events)))] == [0, 1, 1, 0]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written") as error:
        write_report(sample(), tmp_path / "file" / "report.html")
    assert "\n" not in str(error.value)
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(UserError, match=r"folder\.html"):
        write_report(sample(), tmp_path / "folder.html")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.html"]


def test_times_and_shares_in_words():
    assert [clock(s) for s in (0, 59.96, 75.25, 3725.0)] == ["0:00.0", "1:00.0", "1:15.3", "1:02:05.0"]
    assert clock(75.6, 0) == "1:16"
    assert [percent(s) for s in (0, 0.001, 0.5, 0.996, 1.0)] == [
        "0\u00a0%",
        "< 1\u00a0%",
        "50\u00a0%",
        "99\u00a0%",
        "100\u00a0%",
    ]


def test_what_a_template_is_given_is_text_without_control_characters():
    assert clean("a\x00b\u202ec\ud800") == "a\ufffdb\ufffdc?"
    assert clean(5) == "5"
    assert clean(Markup("<b>\u202e")) == "<b>\u202e"  # ours already


@pytest.mark.parametrize("span", [0.4, 3, 61, 1800, 5400, 50_000, 400_000])
def test_ticks_are_few_and_round(span):
    step = tick_step(span)
    assert span / step <= 9
    assert step in (0.5, 1, 2, 5, 10, 15, 30) or step % 60 == 0
