"""A study: config and sheets, validated; what depends on what; where every file is."""
