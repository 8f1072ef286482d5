"""Bodies and what they do: joints in metres over time, and the contacts that they act out. Knows no picture."""
