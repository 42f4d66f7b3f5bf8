"""LiteLLM's names of models, which policies use, as LangChain's providers and their own names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from conductor_mw import ConductorError, nearest


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as `init_chat_model` knows it.

    Attributes:
        name: its `model_provider`.
        module: where its class lies.
        chat_model: the class.
    """

    name: str
    module: str
    chat_model: str

    @property
    def package(self) -> str:
        """What is installed for it."""
        return self.module.partition(".")[0].replace("_", "-")


_PROVIDERS: Final = {
    name: Provider(name, module, chat_model)
    for name, module, chat_model in (
        ("anthropic", "langchain_anthropic", "ChatAnthropic"),
        ("azure_openai", "langchain_openai", "AzureChatOpenAI"),
        ("bedrock", "langchain_aws", "ChatBedrock"),
        ("bedrock_converse", "langchain_aws", "ChatBedrockConverse"),
        ("cohere", "langchain_cohere", "ChatCohere"),
        ("deepseek", "langchain_deepseek", "ChatDeepSeek"),
        ("fireworks", "langchain_fireworks", "ChatFireworks"),
        (
            "google_anthropic_vertex",
            "langchain_google_vertexai.model_garden",
            "ChatAnthropicVertex",
        ),
        ("google_genai", "langchain_google_genai", "ChatGoogleGenerativeAI"),
        ("google_vertexai", "langchain_google_vertexai", "ChatVertexAI"),
        ("groq", "langchain_groq", "ChatGroq"),
        ("huggingface", "langchain_huggingface", "ChatHuggingFace"),
        ("mistralai", "langchain_mistralai", "ChatMistralAI"),
        ("nvidia", "langchain_nvidia_ai_endpoints", "ChatNVIDIA"),
        ("ollama", "langchain_ollama", "ChatOllama"),
        ("openai", "langchain_openai", "ChatOpenAI"),
        ("openrouter", "langchain_openrouter", "ChatOpenRouter"),
        ("perplexity", "langchain_perplexity", "ChatPerplexity"),
        ("together", "langchain_together", "ChatTogether"),
        ("xai", "langchain_xai", "ChatXAI"),
    )
}

# By LiteLLM's prefix. A longer one stands before a shorter one that it begins with.
_PREFIXES: Final = {
    "anthropic/": "anthropic",
    "azure/": "azure_openai",
    "bedrock/converse/": "bedrock_converse",
    "bedrock/invoke/": "bedrock",
    "bedrock/": "bedrock_converse",
    "cohere/": "cohere",
    "cohere_chat/": "cohere",
    "deepseek/": "deepseek",
    "fireworks_ai/": "fireworks",
    "gemini/": "google_genai",
    "groq/": "groq",
    "huggingface/": "huggingface",
    "mistral/": "mistralai",
    "nvidia_nim/": "nvidia",
    "ollama/": "ollama",
    "ollama_chat/": "ollama",
    "openai/": "openai",
    "openrouter/": "openrouter",
    "perplexity/": "perplexity",
    "together_ai/": "together",
    "vertex_ai/claude": "google_anthropic_vertex",
    "vertex_ai/": "google_vertexai",
    "xai/": "xai",
}
# By how a name without a provider begins. Names that several providers have, as those of Gemini,
# are not among them.
_BARE: Final = {
    "gpt-": "openai",
    "chatgpt-": "openai",
    "ft:gpt-": "openai",
    "o1": "openai",
    "o3": "openai",
    "o4": "openai",
    "claude-": "anthropic",
    "command-": "cohere",
}
_OF_FIREWORKS: Final = "accounts/"


def named(model: str) -> tuple[Provider, str]:
    """Give the provider of a model, and its name there.

    >>> provider, name = named("gemini/gemini-2.5-flash")
    >>> provider.name, provider.package, name
    ('google_genai', 'langchain-google-genai', 'gemini-2.5-flash')

    Raises:
        ConductorError: LangChain's `init_chat_model` knows no such provider.
    """
    before, slash, _ = model.partition("/")
    if not slash:
        for start, provider in _BARE.items():
            if model.startswith(start):
                return _PROVIDERS[provider], model
    for prefix, provider in _PREFIXES.items():
        if model.startswith(prefix):
            name = model[prefix.rfind("/") + 1 :]
            if provider == "fireworks" and not name.startswith(_OF_FIREWORKS):
                name = f"{_OF_FIREWORKS}fireworks/models/{name}"  # as LiteLLM completes it
            return _PROVIDERS[provider], name
    if not slash:
        raise ConductorError(
            f"the model {model!r} names no provider",
            mend=f"Write it in front: openai/{model}.",
        )
    known = {prefix.partition("/")[0] for prefix in _PREFIXES}
    raise ConductorError(
        f"LangChain has no provider {before!r}",
        mend=f"{nearest(before, known)}; or bind a chat model of LangChain to the agent",
    )
