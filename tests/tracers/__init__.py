"""Thin integrations over the real engine: do requests, parts, lenses and effects carry hosts?"""
