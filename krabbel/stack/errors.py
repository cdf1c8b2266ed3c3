"""What can go wrong with the embedded stack. Every message says what to do and which log to read."""


class StackError(Exception):
    """Base of everything that the embedded stack raises."""


class ProgramMissing(StackError):
    """A server program is not installed."""


class AlreadyRunning(StackError):
    """Another process uses this data folder."""


class PortTaken(StackError):
    """A port that was asked for is in use."""


class NotRunning(StackError):
    """No stack runs in this data folder."""


class StartFailed(StackError):
    """A process did not become ready."""
