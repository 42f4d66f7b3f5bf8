"""Lenses: how the core reads a host's payload. `ChatLens` reads OpenAI-style messages."""

from __future__ import annotations

from .chat import CHAT, ChatLens
from .prompt import to_request

__all__ = ["CHAT", "ChatLens", "to_request"]
