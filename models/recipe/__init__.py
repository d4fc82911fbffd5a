"""The recipe of the starter model: how ``models/starter`` is made from nothing but this code.

``python -m models.recipe`` draws the pictures, trains every part and writes the folder.
"""

from models.recipe.operators import declare_missing_operators

declare_missing_operators()
