"""`python -m benchmarks [DATABASE]`: every figure, one JSON line each."""

from benchmarks import alarms, backtest, clock, disputes, evaluation, imports, ingest, pages, rebuild, shared_fault

ingest.main()
imports.main([])
pages.main()
disputes.main()
clock.main()
evaluation.main([])
backtest.main([])
shared_fault.main()
alarms.main([])
rebuild.main([])
