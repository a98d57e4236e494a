"""Errors of data that cannot be used."""


class DatasetError(RuntimeError):
    """Data on disk is missing, outdated or does not belong together.

    The message names the file, what is wrong with it and what to run.
    """


class SampleError(DatasetError):
    """One sample cannot be used; the others of its data set can.

    Data sets pass over such a sample and report it.

    Args:
        source: file at fault.
        reason: what is wrong with it, and what to do.
    """

    def __init__(self, source: object, reason: str = ""):
        super().__init__(f"{source}: {reason}" if reason else str(source))
        self.source, self.reason = str(source), reason
