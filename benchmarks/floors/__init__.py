"""The floors of the speed benchmark: one rule per file, each measured in the same run as the library beside it."""
