"""The use cases: one function each, reading like its sentence, reaching the world through ports alone."""
