"""The error of a data set that cannot be used."""


class DatasetError(RuntimeError):
    """Data on disk is missing, outdated or does not belong together.

    The message names the file, what is wrong with it and what to run.
    """
