"""Tests of what authors of workers get."""
