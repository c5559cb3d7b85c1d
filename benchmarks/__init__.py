"""Questions about cost, each a file that answers it in one run beside what people write today."""

TINY = "A tiny run, which shows that everything runs: no figure and no verdict of it means anything."
