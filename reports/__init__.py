"""Reports: results in, documents out."""
