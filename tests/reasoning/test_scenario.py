"""Scenarios: those of the package are whole, and what is wrong with a user's own is one line."""

from __future__ import annotations

import pytest

from microgesture.errors import DataError
from microgesture.reasoning.scenario import copy_scenario, load_scenario, parse_scenario, scenario_names

GOOD = "title: T\nsituation: S\nquestion: Q?\nanswers:\n  won: [win, positive]\n  lost: []\ncautions: [Take care.]\n"


def test_the_package_has_the_six():
    six = {"press_conference", "interview", "examination", "clinical_intake", "deception", "negotiation"}
    assert six <= set(scenario_names())  # one more is one more file


@pytest.mark.parametrize("name", scenario_names())
def test_each_is_whole_and_says_what_is_restricted(name):
    scenario = load_scenario(name)
    assert len(scenario.answers) >= 2
    assert scenario.names[-1] == "undecided"
    assert scenario.question.endswith("?")
    if name in ("interview", "examination", "deception", "press_conference", "negotiation"):
        assert "article 5" in " ".join(scenario.cautions)


def test_answers_fold():
    scenario = parse_scenario(GOOD, "x", "x")
    assert scenario.answer_of("WON") == scenario.answer_of(" win ") == scenario.answer_of("positive") == "won"
    assert scenario.answer_of("Undecided.") == "undecided"
    assert scenario.answer_of("winner") is None
    assert parse_scenario(GOOD.replace("won", "at ease"), "x", "x").answer_of("at_ease") == "at ease"


def test_a_copy_is_read_back_and_its_hash_is_of_what_it_says(tmp_path):
    copy = copy_scenario("interview", tmp_path / "mine.yaml")
    assert load_scenario(copy).sha256 == load_scenario("interview").sha256
    copy.write_text(copy.read_text().replace("tense: [", "tense: [edgy, "))
    assert load_scenario(copy).answer_of("edgy") == "tense"
    assert load_scenario(copy).sha256 != load_scenario("interview").sha256
    with pytest.raises(DataError, match="is there already"):
        copy_scenario("interview", copy)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not YAML"),
        ("- a", "not a scenario"),
        (GOOD + "colour: red\n", "unknown key 'colour'"),
        (GOOD + "name: x\n", "unknown key 'name'"),
        (GOOD.replace("question: Q?\n", ""), "question"),
        (GOOD.replace("title: T", "title: 7"), "title"),
        (GOOD.replace("  lost: []\n", ""), "two or more"),
        (GOOD.replace("lost: []", "lost: [WIN]"), "'win' names both won and lost"),
        (GOOD.replace("lost:", "Undecided:"), "always allowed"),
        (GOOD.replace("lost: []", "yes: []"), "put it in quotes"),
        (GOOD.replace("lost: []", "lost: [no]"), "put it in quotes"),
        (GOOD.replace("lost: []", "lost: loss"), "must be a list"),
        (GOOD.replace("cautions: [Take care.]", "cautions: []"), "cautions"),
        (GOOD + "title: again\n", "appears twice"),
        ("a: &a [x]\nb: *a\n", "no use for aliases"),
        ("[" * 1000, "not YAML"),
    ],
)
def test_a_bad_file_is_one_line(text, said):
    with pytest.raises(DataError, match=said) as caught:
        parse_scenario(text, "mine.yaml", "mine")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("mine.yaml: ")


def test_unknown_names_and_files(tmp_path):
    with pytest.raises(DataError, match="no scenario 'nix'"):
        load_scenario("nix")
    with pytest.raises(DataError, match="cannot be read"):
        load_scenario(tmp_path / "nix.yaml")
    (tmp_path / "long.yaml").write_text("#" * 200_000)
    with pytest.raises(DataError, match="too long"):
        load_scenario(tmp_path / "long.yaml")
