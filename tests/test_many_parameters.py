"""Many free parameters: designs, memory, and what is said of them."""
