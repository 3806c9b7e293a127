"""Mappings that come with the product."""
