"""`python -m benchmarks [DATABASE]`: every figure, one JSON line each."""

from benchmarks import backtest, clock, disputes, ingest, pages

ingest.main()
pages.main()
disputes.main()
clock.main()
backtest.main([])
