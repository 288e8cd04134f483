"""Serving to others: who may ask, what is answered, which headers every answer carries."""
