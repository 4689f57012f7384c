"""What in the benchmarks decides a figure, without running one."""
