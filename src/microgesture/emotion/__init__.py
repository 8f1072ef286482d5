"""Emotion from a timeline of gestures, never from face or voice: stage 3 of the paper.

`emotion.sequence` turns timelines into arrays, one file a model (`transformer`, `lstm`) behind `registry`,
`training.train_emotion` makes an `EmotionModel` (`model`), whose `read` gives an `EmotionReading`;
`evaluation.evaluate_emotion` scores it. Importing this package imports no torch.
"""
