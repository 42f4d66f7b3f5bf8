"""The public door. What is not named here may change without notice."""

from .errors import ConductorError

__all__ = ["ConductorError"]
