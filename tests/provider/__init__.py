"""A model provider for tests: real HTTP on loopback, in the dialects of OpenAI and Anthropic."""
