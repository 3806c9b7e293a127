"""The fake Mirakl: shapes, listings, statistics and the calls that serve them."""
