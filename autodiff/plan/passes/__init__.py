"""What shortens a program: each pass is a function from program to program."""
