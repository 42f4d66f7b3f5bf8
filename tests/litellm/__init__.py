"""A policy where an app, a Router or a Proxy called LiteLLM: what callers see."""
