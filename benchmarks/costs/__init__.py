"""What a gradient costs beside the time of a call: memory, making a program, importing."""
