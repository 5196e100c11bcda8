"""What works without being asked: the dialler rings phones, the courier delivers notices."""
