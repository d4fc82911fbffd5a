"""The recipe of the starter model: how ``models/starter`` is made from nothing but this code.

``python -m models.recipe`` draws the pictures, trains every part and writes the folder.
"""

from mintaka.engine.worker.torchvision_operators import make_importable

make_importable()
