"""Records, their chain, and the state that is made of them again."""
