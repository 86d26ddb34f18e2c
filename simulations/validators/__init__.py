"""Closed forms and published figures, each beside what our engines make of them.

One module a subject, with ``checks(chance)``: see :mod:`simulations.validation`.
"""
