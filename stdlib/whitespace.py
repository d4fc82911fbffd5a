"""The characters that ECMAScript takes for white space, where texts are trimmed and numbers read."""

WHITESPACE = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""ECMA-262 § 12.2 and § 12.3; Python's own idea of white space has four control characters more."""
