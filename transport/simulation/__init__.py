"""What stands in for the outside world on the wire; imported by nothing but main.py and tests."""
