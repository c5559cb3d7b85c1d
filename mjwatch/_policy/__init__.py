"""What to do about it: pure decisions. No waiting, no clock, no dice of its own: `now` and `rng` are arguments."""
