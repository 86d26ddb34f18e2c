"""The Mainline dialect: BEP 5, 32, 33, 42, 43, 44, 45, 46 and 51, pure."""
