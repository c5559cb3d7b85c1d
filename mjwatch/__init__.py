"""Watch long-running Midjourney gateway tasks: typed events instead of a polling loop."""
