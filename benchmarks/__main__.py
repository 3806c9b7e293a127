"""`python -m benchmarks [DATABASE]`: every figure, one JSON line each."""

from benchmarks import ingest, pages

ingest.main()
pages.main()
