"""One file a bridge dialect, over one set of call events."""
