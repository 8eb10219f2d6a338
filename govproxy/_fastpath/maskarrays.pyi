# No Python names: everything here is called from Cython.
