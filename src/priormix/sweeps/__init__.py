"""Sweeps: many runs that differ in some fields of a recipe, on one base, in one table."""
