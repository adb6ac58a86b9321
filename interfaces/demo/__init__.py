"""`vigia demo`: starts the four processes on loopback, breaks something, and tells what came of it.

It uses only what anybody could: the processes' own HTTP interfaces and the command line.
"""
