"""The template: the gesture model's own reading in sentences, through the same check as any model's reply."""

from __future__ import annotations

from dataclasses import replace

import pytest

from microgesture.reasoning.backends import Settings, open_backend
from microgesture.reasoning.evidence import Conditions, Limits
from microgesture.reasoning.explain import explain
from microgesture.reasoning.scenario import load_scenario, scenario_names
from microgesture.reasoning.transcript import Utterance
from microgesture.timeline import EmotionReading, GestureEvent, Timeline
from microgesture.vocabulary import Vocabulary, vocabularies

TEMPLATE = open_backend("template", Settings())


def test_a_reading_becomes_an_answer_and_its_drivers_become_claims(timeline, reading):
    found = explain(replace(timeline, emotion=reading), load_scenario("press_conference"), TEMPLATE)
    assert (found.status, found.answer, found.probability) == ("accepted", "lost", 0.7)
    assert [(r.gesture, r.events, r.direction) for r in found.reasons] == [
        ("Folding arms", ("E2",), "for"),
        ("Touching jaw", ("E1", "E3"), "against"),
    ]
    assert "0:10.0" in found.reasons[0].claim
    assert "No language model was asked" in found.notes[0]
    assert "Careful." in found.notes


@pytest.mark.parametrize("label", ["undecided", "stressed", None])
def test_without_a_usable_reading_it_only_says_what_was_seen(timeline, reading, label):
    emotion = None if label is None else replace(reading, label=label)
    found = explain(replace(timeline, emotion=emotion), load_scenario("press_conference"), TEMPLATE)
    assert (found.status, found.answer) == ("accepted", "undecided")
    assert {r.direction for r in found.reasons} == {"neither"}
    assert found.reasons[0].claim == "Touching jaw was seen 2 times, at 0:02.0 and 0:20.0."
    assert found.reasons[0].events == ("E1", "E3")
    assert all(r.events for r in found.reasons)


def test_a_reading_that_nothing_speaks_for_is_undecided(timeline, reading):
    against = replace(reading, drivers=reading.drivers[1:])
    found = explain(replace(timeline, emotion=against), load_scenario("press_conference"), TEMPLATE)
    assert found.answer == "undecided"


@pytest.mark.parametrize("vocabulary", vocabularies())
@pytest.mark.parametrize("untimed", [False, True])
def test_every_gesture_of_every_vocabulary_passes_the_check(vocabulary, untimed):
    classes = Vocabulary.load(vocabulary)
    for times in (7,) if untimed else (1, 5):
        for c in classes:
            events = tuple(GestureEvent(i, i + 0.5, c.name, c.id, 0.7, c.body_region) for i in range(times))
            shown = Timeline(events, provenance={"untimed": untimed})
            found = explain(shown, load_scenario("interview"), TEMPLATE)
            assert found.accepted, (c.name, found.problems)
            assert not untimed or ":" not in found.reasons[0].claim


@pytest.mark.parametrize("scenario", scenario_names())
def test_every_scenario_takes_it_and_it_is_the_same_each_time(timeline, scenario, reading):
    shown = replace(timeline, emotion=reading)
    first, again = (explain(shown, load_scenario(scenario), TEMPLATE) for _ in range(2))
    assert first.accepted
    assert (first.answer, first.reasons, first.prompt_sha256) == (again.answer, again.reasons, again.prompt_sha256)


def test_nothing_at_all_is_undecided_without_claims():
    found = explain(Timeline(), load_scenario("interview"), TEMPLATE)
    assert (found.status, found.answer, found.reasons) == ("accepted", "undecided", ())
    assert explain(Timeline(emotion=EmotionReading("negative", {})), load_scenario("interview"), TEMPLATE).accepted


def test_words_alone_and_thinned_timelines(timeline, reading):
    said = (Utterance(1.0, 2.0, "Ann", "Well."),)
    found = explain(timeline, load_scenario("interview"), TEMPLATE, said, Conditions(False, True))
    assert (found.answer, found.reasons[0].utterances) == ("undecided", ("U1",))
    shown = replace(timeline, emotion=reading)
    thinned = explain(shown, load_scenario("interview"), TEMPLATE, limits=Limits(events=2))
    assert thinned.accepted
    assert thinned.left_out
