"""Files: tables, sheets, stores, archives, checksums; dask. Knows nothing of vision."""
