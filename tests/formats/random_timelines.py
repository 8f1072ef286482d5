"""Timelines that leave nothing out: overlaps, touching events, several persons and awkward texts."""

import random

from microgesture import Alternative, GestureEvent, Media, Timeline

LABELS = ("Touching jaw", 'Scratching <b>neck</b> & "ears"', "a --> b", "Ärmel\tzupfen", "Hand: on {\\an8}hip", "é]]>")
REGIONS = ("head-hand", "body-hand", "upper limb", "lower limb", "", "confidence")


def random_timeline(seed: int, clean: bool = False) -> Timeline:
    """Up to 30 events of up to three persons in 20 seconds; `clean` leaves out what subtitles cannot tell."""
    rng = random.Random(seed)
    events = []
    for _ in range(rng.randrange(30)):
        start = rng.choice([rng.uniform(0, 19), rng.randrange(20), rng.randrange(40) / 2])
        length = rng.choice([1e-5, 0.001, 0.5, 1, rng.uniform(0.1, 3)])
        index = rng.randrange(len(LABELS))
        label_id = None if rng.random() < 0.2 else index
        others = tuple(Alternative(LABELS[k], round(rng.random(), 3)) for k in range(rng.randrange(3)))
        events.append(
            GestureEvent(
                start,
                start + length,
                LABELS[index] if not clean else f"{LABELS[index].split()[0]} {rng.random():.6f}",
                label_id,
                round(rng.random(), 2),
                REGIONS[index],
                rng.choice(["P1", "P2", "Zoë & <co>"]),
                others,
                rng.choice(["m", "m", "Ana"]) if not clean else "",
            )
        )
    return Timeline(tuple(events), Media("clip ü.mp4", 20.0), "own", LABELS)
