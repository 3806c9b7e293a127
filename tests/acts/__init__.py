"""Acts: what follows from a decision, what holds it back, who may let it go."""
