"""The shapes of v2's JSON, and how they are written."""
