"""The exact reader of a synthetic interview: what no model can read better."""

from microgesture.errors import DataError
from microgesture.synthetic.worlds.interviews import InterviewRates
from microgesture.timeline import Timeline


def log_likelihood_ratio(timeline: Timeline, rates: InterviewRates) -> float:
    """log p(timeline | positive) - log p(timeline | negative), exact under the model of `interviews`.

    Raises `DataError` when an event's label has no rate.
    """
    effect = {m.label: m.effect for m in rates.motions}
    group = {m.label: m.group for m in rates.motions}
    difference = rates.per_second("positive") - rates.per_second("negative")
    idle = dict.fromkeys(rates.groups, timeline.duration)
    ratio = 0.0
    for event in timeline:
        if event.label not in effect:
            raise DataError(f"label '{event.label}' does not occur in these interviews")
        ratio += effect[event.label]
        idle[group[event.label]] -= min(event.end + rates.rest, timeline.duration) - event.start
    return ratio - sum(float(difference[rates.in_group(g)].sum()) * idle[g] for g in rates.groups)
