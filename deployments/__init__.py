"""How the flows reach workers: the services of one machine, and what other work pools need."""
