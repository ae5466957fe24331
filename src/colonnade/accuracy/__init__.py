"""How often a network is right: on labelled images, and beside another network."""
