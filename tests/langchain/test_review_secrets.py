"""No error tells a key that the policy gives to a provider's class."""

from __future__ import annotations

import sys
import traceback
from types import ModuleType
from typing import Any

import pytest
from conductor_mw_langchain import ConductorChatModel
from pydantic import model_validator

from conductor_mw import Failure
from tests.langchain.oracle import Oracle

pytest.importorskip("langchain")

POLICY = """
agents: [{id: small, model: together_ai/small-1, api_key: "${env:THE_KEY}"}]
routing: {default: small}
"""


class ChatTogether(Oracle):
    """Refuses whatever it is given, as a validator of a provider's own may."""

    api_key: str = ""

    @model_validator(mode="before")
    @classmethod
    def refuse(cls, given: Any) -> Any:
        raise ValueError(f"{len(given)} settings, and none will do")


def test_a_class_that_refuses_its_settings_tells_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("langchain_together")
    module.ChatTogether = ChatTogether
    monkeypatch.setitem(sys.modules, "langchain_together", module)
    monkeypatch.setenv("THE_KEY", "sk-0123456789abcdef")
    model = ConductorChatModel(policy=POLICY)
    with pytest.raises(Failure, match="none will do") as caught:
        model.invoke("Hello?")
    told = "".join(traceback.format_exception(caught.value))
    assert "abcdef" not in told
    assert caught.value.kind == "invalid_request"
