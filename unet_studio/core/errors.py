"""The two exceptions of the program: a sentence with its remedy, and a cancelled job."""


class StudioError(Exception):
    """Something went wrong that a person can mend; says what it is and how to mend it.

    message: one sentence on what happened. remedy: one sentence on what to do about it.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy


class SettingsError(StudioError):
    """What a person mends by other settings: the same once more would fail again."""


class Cancelled(Exception):
    """A person cancelled a job; raised at its next cancel point."""
