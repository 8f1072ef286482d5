"""A small vocabulary for the tests of encoders and objectives."""

from microgesture.vocabulary import Vocabulary

VOCABULARY = Vocabulary.from_texts(["up", "to and fro", "left", "round"])
