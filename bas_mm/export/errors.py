"""What keeps a classifier from being exported."""

__all__ = ['ExportError']


class ExportError(RuntimeError):
    """A model, a setting or an environment that cannot be exported; the message says what to do."""
