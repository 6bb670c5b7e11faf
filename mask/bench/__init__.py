"""Grids of audits: cells that are never lost, on one machine or many."""
