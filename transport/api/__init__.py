"""The HTTP interface for integrations: written conversations and tools, under /v1."""
