"""The condition language: one text in, one checked expression out."""
