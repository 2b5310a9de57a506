"""What test_canarios.py is made of: secrets that can be told anywhere, a route through every failure, and ears."""
