"""The Model Context Protocol: what a token may do, as the tools of whatever agent bears it.

``tools`` says what those are and calls them, ``protocol`` speaks the protocol with the official SDK, which is imported
only there and when somebody asks, and ``mount`` lets in who has a token.
"""
