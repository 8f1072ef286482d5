"""How good a recogniser is: metrics with intervals, the letter's tables and its figures."""
