"""A policy where a LangChain app had a model, an agent or a chain: what the app sees."""
