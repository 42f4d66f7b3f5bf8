"""Make chat models."""


def chat_model(agent: object) -> object | None:
    return None
