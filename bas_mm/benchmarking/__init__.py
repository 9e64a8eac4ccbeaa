"""What the benchmarks under ``tools/analysis_tools`` share."""
