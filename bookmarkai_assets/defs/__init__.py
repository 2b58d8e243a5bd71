"""What analysts see: one thin file per asset or automation, in the order of the data's path."""
