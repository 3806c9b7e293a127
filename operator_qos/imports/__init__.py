"""Files that people bring, the mappings they are read by, and what could not be read."""
