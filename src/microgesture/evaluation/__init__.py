"""How good a recogniser is: metrics with intervals, the paper's tables and its figures."""
