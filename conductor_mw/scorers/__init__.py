"""The ways to score an answer that come with the core, offered like a stranger's."""
