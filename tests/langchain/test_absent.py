"""What a newcomer reads who lacks a package, misnames a file, or binds nothing to an agent."""

from __future__ import annotations

import subprocess
import sys

import conductor_mw_langchain
import pytest
from conductor_mw_langchain import ConductorChatModel
from langchain_core.language_models import FakeListChatModel
from pydantic import ValidationError

from conductor_mw import Conductor, ConductorError

POLICY = """
agents: [{id: small, simulated: Hello.}, {id: large}]
routing: {default: small}
"""
WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())

def told(name):
    import conductor_mw_langchain
    try:
        getattr(conductor_mw_langchain, name)
    except ImportError as error:
        print(error)
    else:
        print(name, "is there")

POLICY = "agents: [{id: small, simulated: Hello.}, {id: large}]\\nrouting: {default: small}"
"""


def said_without(packages: set[str], code: str) -> list[str]:
    """Give what a program prints where packages are not installed."""
    program = f"ABSENT = {packages!r}\n{WITHOUT}\n{code}"
    ran = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_without_langchain_everything_else_works_and_each_name_says_what_it_needs() -> None:
    said = said_without(
        {"langchain", "langchain_core", "langgraph"},
        "from conductor_mw import Conductor\n"
        "print(Conductor.from_text(POLICY).call('Hi').text)\n"
        "import conductor_mw_langchain\n"
        "for name in conductor_mw_langchain.__all__: told(name)\n",
    )

    greeting, *needs = said
    assert greeting == "Hello."
    assert needs.pop() == "chat_model_of is there"  # it says what it needs when it is called
    mends = {line.split(" needs ")[0]: line.split(" needs ")[1] for line in needs}
    agents = mends.pop("ConductorMiddleware")
    assert agents == "'langchain': pip install 'conductor-mw[langchain-agents]'"
    assert {*mends, "ConductorMiddleware", "chat_model_of"} == set(conductor_mw_langchain.__all__)
    assert set(mends.values()) == {"'langchain_core': pip install 'conductor-mw[langchain]'"}


def test_without_agents_the_chat_model_works_and_the_middleware_says_what_it_needs() -> None:
    said = said_without(
        {"langchain", "langgraph"},
        "from langchain_core.language_models import FakeListChatModel\n"
        "from conductor_mw_langchain import ConductorChatModel\n"
        "mine = FakeListChatModel(responses=['Mine.'])\n"
        "model = ConductorChatModel(policy=POLICY, agents={'large': mine})\n"
        "print(model.invoke('Hi').text, model.invoke('Hi', model='large').text)\n"
        "for name in ('ConductorCache', 'ConductorRunnable', 'ConductorMiddleware'): told(name)\n",
    )

    assert said == [
        "Hello. Mine.",
        "ConductorCache is there",
        "ConductorRunnable is there",
        "ConductorMiddleware needs 'langchain': pip install 'conductor-mw[langchain-agents]'",
    ]


def mistaken(**arguments: object) -> str:
    """Give what somebody reads who made a chat model and asked it."""
    with pytest.raises(ConductorError) as told:
        ConductorChatModel(**arguments).invoke("Hi", model="large")  # type: ignore[arg-type] # on purpose
    return str(told.value)


def test_a_file_that_is_not_there() -> None:
    assert mistaken(policy="nowhere/conductor.yaml").startswith(
        "nowhere/conductor.yaml: the file cannot be read: No such file or directory\n"
    )


def test_no_policy_at_all() -> None:
    assert mistaken() == 'there is no policy\n  Name its file: policy="conductor.yaml".'


def test_an_argument_that_does_not_exist() -> None:
    with pytest.raises(ValidationError, match="agent\n  Extra inputs are not permitted"):
        ConductorChatModel(policy=POLICY, agent={})  # type: ignore[call-arg] # on purpose


def test_a_policy_beside_a_conductor() -> None:
    conductor = Conductor.from_text(POLICY)

    assert mistaken(policy=POLICY, conductor=conductor) == (
        "a conductor is given, and a policy or agents beside it\n"
        "  Bind the agents where the conductor is made: Conductor(policy, agents=...)."
    )


def test_a_model_for_an_agent_that_the_policy_does_not_have() -> None:
    model = FakeListChatModel(responses=["Hello."])

    assert mistaken(policy=POLICY, agents={"larg": model}) == (
        "<policy>:2:1: the app binds an object to the agent 'larg', which is not declared\n"
        "  did you mean 'large'?"
    )


def test_an_agent_to_which_nothing_is_bound() -> None:
    assert mistaken(policy=POLICY) == (
        "agent 'large' has neither a model nor anything else that could answer\n"
        "  Write `model:` below it, "
        "or bind an object: Conductor(..., agents={'large': my_function})."
    )


def test_what_cannot_answer_at_all() -> None:
    assert mistaken(policy=POLICY, agents={"large": 3}) == (
        "agent 'large' cannot speak through a int\n"
        "  Bind a callable that takes a Request, or install the integration that knows it."
    )


def test_an_agent_that_is_named_for_one_call_and_does_not_exist() -> None:
    model = ConductorChatModel(policy=POLICY, agents={"large": FakeListChatModel(responses=["A"])})

    with pytest.raises(ConductorError) as told:
        model.invoke("Hi", model="larg")

    assert str(told.value) == (
        "<policy>: `model='larg'` names neither an agent nor a flow of the policy\n"
        "  Name one of large, small, or leave it out."
    )


OPENAI = "agents: [{id: large, model: openai/gpt-4o}]\nrouting: {default: large}"


def test_a_model_without_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(Exception, match="OPENAI_API_KEY"):
        ConductorChatModel(policy=OPENAI).invoke("Hi")


def test_a_model_whose_package_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_openai", None)

    assert mistaken(policy=OPENAI) == (
        "agent 'large' needs langchain-openai to reach openai\n"
        "  pip install langchain-openai, or bind a chat model to the agent."
    )
