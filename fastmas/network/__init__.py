"""The classical GAN of the paper's figure 1: a neural transition in place of agents, played by the same adversary."""
