"""Real calls through an Asterisk that somebody already runs, over its REST interface (ARI)."""
