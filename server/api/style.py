"""How the page at ``/docs`` looks."""

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code { font: 13px/1.4 ui-monospace, monospace; }
details { border: 1px solid #8884; border-radius: 6px; margin: .4rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; }
summary b { display: inline-block; min-width: 4.5rem; }
table { border-collapse: collapse; margin: .5rem 0; }
td { border-top: 1px solid #8883; padding: .2rem .8rem .2rem 0; vertical-align: top; }
.get { color: #1769aa; } .post { color: #2e7d32; } .delete { color: #b3261e; }
"""
"""A style sheet."""
