"""One module per service family: its messages, states, rules and methods."""
