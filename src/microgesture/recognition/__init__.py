"""Objectives: what a recogniser learns from, and how it then scores a clip. They own their losses.

Adding a method is adding one file with one class decorated `@register_objective("name")`.
"""

from microgesture.recognition.objective import Objective
from microgesture.recognition.registry import (
    create_objective,
    describe,
    list_objectives,
    objective_class,
    register_objective,
    restore,
)
from microgesture.recognition.texts import label_texts

__all__ = [
    "Objective",
    "create_objective",
    "describe",
    "label_texts",
    "list_objectives",
    "objective_class",
    "register_objective",
    "restore",
]
