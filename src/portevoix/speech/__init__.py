"""Text in, telephone audio out: normalised text, three engines behind one Protocol, a cache."""
