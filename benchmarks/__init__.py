"""Measures what users wait for. Run the benchmarks by hand; the tests do not include them."""
