"""`python -m benchmarks [DATABASE]`: every figure, one JSON line each."""

from benchmarks import backtest, clock, ingest, pages

ingest.main()
pages.main()
clock.main()
backtest.main([])
