"""Video: reading by presentation time, writing, choosing times, and turning frames into model input.

Frame indices never leave this room: everybody else speaks seconds from the first frame.
"""

from microgesture.video.reader import VideoReader
from microgesture.video.sampling import sample_times, window_starts
from microgesture.video.writer import VideoWriter, write_video

__all__ = ["VideoReader", "VideoWriter", "sample_times", "window_starts", "write_video"]
