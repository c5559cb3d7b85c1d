"""Questions about cost, each a file that answers it in one run beside what people write today."""
