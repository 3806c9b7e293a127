"""Connections to platforms: stored, read on time, asked for acts, held against the platform's own figures."""
