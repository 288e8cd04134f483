"""The core: options, tables, the run spec, measured numbers, randomness, errors, folders."""
