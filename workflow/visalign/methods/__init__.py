"""The methods of a study in words."""
