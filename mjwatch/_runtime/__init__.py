"""The only floor that waits."""
