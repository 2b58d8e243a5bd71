"""What checks the stacks without an account: the tools' findings, and rules of our own for what no tool sees."""
