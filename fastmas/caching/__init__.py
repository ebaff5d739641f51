"""Compiled kernels that other processes find again: where they are kept, what names them, why they can be trusted."""
