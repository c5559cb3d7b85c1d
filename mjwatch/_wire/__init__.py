"""How a gateway says it: bytes to values and back. Pure: no waiting, no clock, no dice, no decision what to do."""
