"""Which brand gets a lane, and when. Imports lane and store; never http or cli."""
