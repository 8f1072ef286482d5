"""Replies: wrapping is forgiven, content is not."""

from __future__ import annotations

import json

import pytest

from microgesture.reasoning.reply import NotAReply, parse_reply

REASON = {"claim": "c", "gesture": None, "events": ["E1"], "utterances": [], "direction": "for"}
GOOD = {"answer": "won", "probability": 0.7, "reasons": [REASON]}
TEXT = json.dumps(GOOD)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"\n {TEXT}\n",
        f"```json\n{TEXT}\n```",
        f"Here it is:\n```\n{TEXT}\n```\nThere.",
        f"<think>maybe {{}}</think>{TEXT}",
        f"so I thought</think>\n{TEXT}",
        f"<think>a</think>```json\n{json.dumps(GOOD, indent=2)}\n```",
        TEXT.replace("0.7", "1"),
    ],
)
def test_wrapping_is_forgiven(text):
    assert parse_reply(text).answer == "won"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("<think>only thoughts</think>", "empty"),
        ("I think she won.", "not JSON"),
        (TEXT[:-5], "not JSON"),
        ("[1]", "not an object"),
        (f"Sure! {TEXT}", "before the JSON"),
        (f"{TEXT} That is all.", "after the JSON"),
        (f"{TEXT}{TEXT}", "after the JSON"),
        (TEXT.replace("0.7", "NaN"), "NaN"),
        (TEXT.replace("0.7", "1.2"), "probability"),
        (TEXT.replace("0.7", "-0.1"), "probability"),
        (TEXT.replace("0.7", '"0.7"'), "probability"),
        (TEXT.replace("0.7", "true"), "probability"),
        (TEXT.replace('"won"', "null"), "answer"),
        (json.dumps({**GOOD, "emotion": "joy"}), "'emotion' that a reply has not"),
        (json.dumps({**GOOD, "reasons": [{**REASON, "source": "x"}]}), "'source' of reason 1"),
        (json.dumps({"answer": "won", "reasons": []}), "'probability' is missing"),
        (json.dumps({**GOOD, "reasons": [{**REASON, "direction": "pro"}]}), "direction"),
        (json.dumps({**GOOD, "reasons": [{**REASON, "events": "E1"}]}), "events"),
        (json.dumps({**GOOD, "reasons": [{**REASON, "events": [1]}]}), "events"),
        (json.dumps({**GOOD, "reasons": [{**REASON, "claim": ""}]}), "claim"),
        (json.dumps({**GOOD, "reasons": [REASON] * 100}), "reasons"),
        (TEXT[:-1] + ', "answer": "lost"}', "appears twice"),
        ("[" * 90_000, "not JSON"),
        ("<think>" * 14_000, "not JSON"),
        ("x" * 100_001, "longer than"),
    ],
)
def test_content_is_not(text, said):
    with pytest.raises(NotAReply) as caught:
        parse_reply(text)
    assert said in "; ".join(caught.value.problems)
    assert all("\n" not in problem for problem in caught.value.problems)
