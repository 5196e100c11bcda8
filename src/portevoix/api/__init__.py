"""The HTTP door: parses what comes in, calls a use case, writes what goes out."""
