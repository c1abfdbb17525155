"""Gradients and Hessians as formulas, and rewriting of them."""
