"""Spotting: micro-expressions in long videos, what finds them, and how well."""
