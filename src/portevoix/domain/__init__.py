"""The words of prepaid voice messaging: pure, synchronous, without I/O, clock or randomness."""
