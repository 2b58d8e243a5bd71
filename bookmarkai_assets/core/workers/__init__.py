"""Who works on this installation now: the runs, and the daemons that launch them."""
