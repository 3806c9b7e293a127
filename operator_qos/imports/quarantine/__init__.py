"""What could not be read: looked at, repaired, replayed."""
