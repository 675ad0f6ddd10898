"""What a damaged catalog makes a check raise, without its text, which may quote anything."""

from lambdas.observability import innermost_line, logger

UNEXPECTED_ERRORS = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError)
"""NULL where there is always a value, no row where there is one, a value that means nothing."""


def describe(error: Exception, action: str) -> str:
    """Log such an error, and say its class and line."""
    where = innermost_line(error)
    logger.error("a check could not go on", error=type(error).__name__, where=where, action=action)
    return f"the verifier could not make sense of what it read: {type(error).__name__} at {where}"
