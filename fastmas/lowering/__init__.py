"""What is made of a model's text: lane kernels, path by path, torch; each knows the graph and nothing of the others."""
