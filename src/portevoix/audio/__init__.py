"""Any recording in, telephone audio out: decoding, conditioning, G.711, and the sandbox for native code."""
