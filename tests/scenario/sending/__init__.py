"""What the model of the sending system is made of."""
