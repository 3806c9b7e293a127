"""Tables in files of many kinds, read row by row within a bounded memory."""
