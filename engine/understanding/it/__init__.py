"""Italian words, in tables apart from the algorithms that use them."""
