"""What some cells and tasks offer beyond their interface, as protocols that learning rules ask for."""
