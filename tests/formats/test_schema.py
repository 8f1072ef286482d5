import copy
import json

import pytest
from test_json_csv import WHOLE

from microgesture import DataError, formats
from microgesture.formats.schema import problems, timeline_schema

WRITTEN = json.loads(formats.json.dumps(WHOLE))


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def test_what_is_written_fits_the_schema():
    assert list(problems(WRITTEN, timeline_schema())) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("media", "duration"), "long", "media.duration must be number or null"),
        (("media", "size"), [640], "media.size has 1 entries"),
        (("media", "sha256"), "abc", "media.sha256 does not have its form"),
        (("events", 1, "confidence"), 1.5, r"events\[1\].confidence is 1.5, out of range"),
        (("events", 0, "label_id"), True, r"events\[0\].label_id must be integer or null"),
        (("events", 0, "colour"), "red", r"events\[0\] has an unknown 'colour'"),
        (("emotion", "probabilities"), {"positive": "much"}, "emotion.probabilities.positive must be number"),
        (("vocabulary",), {"name": "x"}, "vocabulary has no 'labels'"),
    ],
)
def test_what_does_not_fit_is_named(path, value, said):
    data = copy.deepcopy(WRITTEN)
    inside = data
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    with pytest.raises(DataError, match=said):
        formats.json.loads(json.dumps(data))


def test_no_wrong_value_gets_through_or_ends_in_a_traceback():
    for path in places(WRITTEN):
        for value in (None, "x", 5, -1, True, [], {}, [1], float("inf"), float("nan")):
            data = copy.deepcopy(WRITTEN)
            inside = data
            for key in path[:-1]:
                inside = inside[key]
            if path:
                inside[path[-1]] = value
            else:
                data = value
            try:
                timeline = formats.json.loads(json.dumps(data))
            except DataError:
                continue
            if path[:1] == ("provenance",):  # plain JSON values, whatever they are
                continue
            again = formats.json.loads(formats.json.dumps(timeline))
            assert again == timeline
            formats.csv.dumps(timeline)


def test_scores_may_be_there():
    data = {**WRITTEN, "scores": {"times": [0.5], "probabilities": [[0.2, 0.8]]}}
    assert formats.json.loads(json.dumps(data)) == WHOLE
