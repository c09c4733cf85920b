"""The arithmetic of a network: shapes, parameters, operations, receptive fields; comparisons and drawings.

from alexlab.describe import describe
print(describe("alexnet-textbook"))
describe(my_network, (3, 224, 224), batch=128).totals.parameters
"""

from alexlab.describe.comparison import Comparison, compare
from alexlab.describe.describing import describe
from alexlab.describe.description import Description, Failure, Layer, Totals

__all__ = ["Comparison", "Description", "Failure", "Layer", "Totals", "compare", "describe"]
