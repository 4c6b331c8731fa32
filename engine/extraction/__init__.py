"""Mentions: who finds them, whether their words were really said, and how two finders are merged."""
