"""Writes how to read a heat map and when not to trust it."""

from ..contents import Contents, Trust
from .section import Section, plain, table


def reading(contents: Contents) -> Section:
    """Explains heat maps and lists the verdict on the maps of each layer and method."""
    return Section(f"""## How to read a heat map

A heat map belongs to one class and one layer. It is bright where the layer found evidence for the
class, and clear where it found none. On a mistake, compare the map of the predicted class with
that of the true class.

Each map has its own scale: its brightest place is the strongest evidence for its own class. A class
of 0.1% can look as bright as one of 99%. *One scale for all classes* makes them comparable.

A map can look convincing and still be wrong. Two tests ask whether it can be trusted:

- **What matters** (ROAD): the picture loses the places that the map marks, and then, in another
  try, those that it leaves out. The network should lose its answer in the first try and keep it in
  the second, more clearly than with places chosen at random. If not, the map does not point at what
  matters.
- **Forgetting** (randomisation test): the network's weights are replaced with random ones, so that
  it forgets what it learned. Does the map change? If it hardly changes, it shows edges and bright
  spots of the picture, not what the network learned.

{_verdicts(contents.card.trust)}

Do not read a map that fails a test as an explanation. The verdicts hold on average; a single map
can still mislead.

*Occlusion* is a check of another kind, without gradients: a patch moves over the picture, and the
map shows how much the probability of the class drops when the patch covers a place. The verdicts
do not cover it.""")


def _verdicts(trust: Trust) -> str:
    """Returns a table with the layers at which the maps of a method pass or fail."""
    rows = []
    for method in next(iter(trust.values())):
        maps = {layer: verdicts[method] for layer, verdicts in trust.items()}
        columns = (
            [layer for layer, passed in maps.items() if all(passed.values())],
            [layer for layer, passed in maps.items() if not passed["faithful"]],
            [layer for layer, passed in maps.items() if not passed["changes"]],
        )
        rows.append([method, *(", ".join(map(plain, layers)) or "–" for layers in columns)])
    return table(["method", "passes both", "fails what matters", "fails forgetting"], rows)


def papers(contents: Contents) -> Section:
    """Lists the papers on the methods and tests."""
    return Section("""## Papers

- [Grad-CAM](https://arxiv.org/abs/1610.02391), Selvaraju et al. 2017
- [Grad-CAM++](https://arxiv.org/abs/1710.11063), Chattopadhay et al. 2018
- [HiResCAM](https://arxiv.org/abs/2011.08891), Draelos and Carin 2020
- [LayerCAM](https://doi.org/10.1109/TIP.2021.3089943), Jiang et al. 2021
- [Occlusion](https://arxiv.org/abs/1311.2901), Zeiler and Fergus 2014
- [ROAD](https://arxiv.org/abs/2202.00449), the test of what matters, Rong et al. 2022
- [Randomisation test](https://arxiv.org/abs/1810.03292), the test of forgetting, Adebayo et al.
  2018
- [Calibration](https://arxiv.org/abs/1706.04599) of probabilities, Guo et al. 2017""")
