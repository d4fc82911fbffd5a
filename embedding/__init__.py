"""The language inside another Python program: without server, database or engine. Its public face is `mintaka`.

``face`` reads, checks, compiles and runs scripts, and is where an embedded run's powers (clock, randomness) are made;
``exposed`` puts Python objects into a script's hands, ``ops`` Python functions into its vocabulary; ``exchange`` copies
values from one side to the other.
"""
