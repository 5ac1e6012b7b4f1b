"""What can be wrong with data, so that the command line can answer without a traceback."""


class DataError(ValueError):
    """Data that cannot be used: empty, of the wrong shape, labels out of range, unreadable."""


class MissingPackage(DataError):
    """The package in which a data set ships is not installed; the message names the pip line."""
