"""Errors that a user can act on.

Everything that is the user's to mend (a file, a label, a recipe) raises `UserError` or one of its children
with one line that says what is wrong and where. The command line prints that line and exits with code 2;
`--debug` shows the traceback.
"""


class UserError(Exception):
    """Something the user gave cannot be used; the message says what and where, in one line."""


class VideoError(UserError):
    """A video cannot be read: missing, not a video, no video stream, no frames, broken."""


class DataError(UserError):
    """A manifest, a label or an annotation does not fit: names the file and the row."""


class RecipeError(UserError):
    """A recipe or configuration has an unknown key, a wrong value, or does not fit the checkpoint."""


class MissingExtra(UserError):
    """An optional dependency is missing, and the message names the pip command that installs it; or it is installed
    and does not work, and the message is `reason`, the library's own words."""

    def __init__(self, feature: str, extra: str, reason: str = "") -> None:
        wanted = f"needs an extra: pip install 'microgesture[{extra}]'"
        super().__init__(f"{feature}: {reason}" if reason else f"{feature} {wanted}")
