"""Fuzz targets; see `__main__.py`. Not collected by pytest, but for the crashes that were kept."""
