"""Events by hand, for the tests of reasoning."""

from microgesture.timeline import GestureEvent


def event(start: float, label: str, confidence: float = 0.8, person: str = "P1", region: str = "") -> GestureEvent:
    """One second long."""
    return GestureEvent(start, start + 1.0, label, confidence=confidence, person=person, body_region=region)
