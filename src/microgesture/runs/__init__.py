"""Runs: recipes, the folders that training writes, and a trained model opened for use."""
