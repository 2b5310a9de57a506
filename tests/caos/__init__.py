"""Fault injection: real processes, a load, one fault at a time, and a judge that counts. `python -m tests.caos`."""
