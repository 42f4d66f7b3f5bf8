"""A LangChain app whose policy says which model answers: a chain, an agent, a pair of chains.

python app.py           simulated models: no key, no network
python app.py --real    OpenAI or Ollama, as your environment says
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from conductor_mw_langchain import ConductorChatModel, ConductorMiddleware, ConductorRunnable
from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import tool
from scripted import Scripted

HERE = Path(__file__).parent
POLICY = HERE / "conductor.yaml"
CHAINS = HERE / "chains.yaml"
MODELS = {"openai": "openai:gpt-4o-mini", "ollama": "ollama:llama3.1"}
"""What the agent had before there was a policy."""
WANTS_A_MODEL = """\
--real needs a model. Set one of these, then start again:
  OPENAI_API_KEY=sk-...          and  pip install langchain-openai
  OLLAMA_HOST=127.0.0.1:11434    and  pip install langchain-ollama, ollama pull llama3.1 llama3.2
Without --real the models are simulated, and nothing is needed."""


def told(message: AIMessage) -> AIMessage:
    """Print who answered, why and for how much; the message goes on as it is."""
    said = message.response_metadata["conductor"]
    asked = [f"{one['agent']} ({one.get('failed', 'answered')})" for one in said["attempts"]]
    print(f"  {said['rule'] or 'default'} -> {said['target']}: {', '.join(asked)}", end="; ")
    print("price unknown" if said["dollars"] is None else f"${said['dollars']:.6f}")
    return message


def answer_chain(policy: dict[str, Any]) -> Runnable[Any, str]:
    """Give a chain as you know it; its model is a policy."""
    prompt = ChatPromptTemplate.from_messages(
        [
            ("system", "You help customers of Larkspur, an invoicing service."),
            ("human", "{question}"),
        ]
    )
    model = ConductorChatModel(**policy)
    return prompt | model | told | StrOutputParser()


@tool
def find_invoice(number: str) -> str:
    """Look an invoice up by its number."""
    return f"Invoice {number} was paid on Tuesday."


def clerk(policy: dict[str, Any], model: Any) -> Any:
    """Give an agent as you know it; each of its model calls is routed."""
    return create_agent(model, [find_invoice], middleware=[ConductorMiddleware(**policy)])


def desk(questions: Runnable[Any, str]) -> Runnable[Any, str]:
    """Give two chains, of which a policy chooses one for every question."""
    return ConductorRunnable(
        policy=CHAINS,
        agents={
            "questions": questions,
            "contracts": RunnableLambda(lambda _: "It ends with the month after you cancel it."),
        },
    )


def environment() -> str | None:
    """Give the environment of the policy that fits what is set, or None."""
    if os.environ.get("OPENAI_API_KEY"):
        return "openai"
    return "ollama" if os.environ.get("OLLAMA_HOST") else None


def main() -> None:
    """Ask the chain, the agent and the pair of chains."""
    policy: dict[str, Any] = {"policy": POLICY, "agents": {"clerk": Scripted()}}
    model: Any = Scripted()
    if "--real" in sys.argv[1:]:
        chosen = environment()
        if chosen is None:
            sys.exit(WANTS_A_MODEL)
        policy, model = {"policy": POLICY, "environment": chosen}, MODELS[chosen]

    print("A chain: prompt | model | parser")
    chain = answer_chain(policy)
    hard = "Why do invoices 17 and 18 differ? Reason step by step."
    for question, tier in (("When do you open?", "free"), (hard, "pro")):
        print(f"? {question} ({tier})")
        print(f"! {chain.invoke({'question': question}, {'metadata': {'tier': tier}})}")

    print("\nAn agent with a tool")
    question = "Is invoice 17 paid?"
    print(f"? {question}")
    asked = {"messages": [("human", question)]}
    for message in clerk(policy, model).invoke(asked)["messages"]:
        if isinstance(message, AIMessage):
            calls = [f"{call['name']}({call['args']})" for call in message.tool_calls]
            told(message)
            print(f"! {message.text or ', '.join(calls)}")

    print("\nTwo chains, one door")
    routed = desk(chain)
    for question in ("Where do I change my address?", "How do I cancel my contract?"):
        print(f"? {question}")
        print(f"! {routed.invoke({'question': question})}")


if __name__ == "__main__":
    main()
