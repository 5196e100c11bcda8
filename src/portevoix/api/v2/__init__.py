"""The modern door: bearer keys, RFC 9457 problems, cursor pagination, what the v1 contract lacks."""
