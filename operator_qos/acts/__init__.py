"""What follows from a decision for a shop: acts, the guards before them, the people who release them."""
