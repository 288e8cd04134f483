"""The contracts of stores, models, objectives and panels as reusable test cases."""
