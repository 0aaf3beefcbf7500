"""The stand-ins: they say what they are, depend on the seed alone, and hold the difference that they promise."""

import numpy as np
import pytest

from ohmloom.data import synthetic
from ohmloom.errors import ConfigurationError


def test_ego_networks_differ_in_their_cliques_and_not_in_their_size() -> None:
    graphs = synthetic.ego_networks(150)
    assert graphs.origin == "synthetic stand-in"
    assert np.bincount(graphs.labels).tolist() == [50, 50, 50]
    for number in range(150):  # the first node knows all others
        first = np.flatnonzero(graphs.graph_of == number)[0]
        assert (graphs.edges[0] == first).sum() == graphs.node_counts[number] - 1
    density = graphs.edge_counts / (graphs.node_counts * (graphs.node_counts - 1))
    by_class = [density[graphs.labels == c] for c in range(3)]
    assert by_class[0].mean() > 1.5 * by_class[1].mean() > 2 * by_class[2].mean()
    sizes = [graphs.node_counts[graphs.labels == c] for c in range(3)]
    error = np.std(graphs.node_counts) * np.sqrt(2 / 50)  # of the difference of two means
    assert max(s.mean() for s in sizes) - min(s.mean() for s in sizes) < 3.5 * error


def test_ego_networks_depend_on_the_seed_alone() -> None:
    few, more, other = (synthetic.ego_networks(n, seed=s) for n, s in ((9, 1), (12, 1), (9, 2)))
    np.testing.assert_array_equal(few.edges, more.subset(range(9)).edges)
    assert few.edges.shape != other.edges.shape
    with pytest.raises(ConfigurationError, match="graphs: must be at least 3"):
        synthetic.ego_networks(2)


def test_vessels_are_dark_trees_on_a_bright_disc() -> None:
    images = synthetic.vessel_images(4, 2)
    assert images.origin == "synthetic stand-in"
    assert images.training.images.shape == (4, 146, 142, 3)
    for part in (images.training, images.test):
        grey = part.images.mean(3)
        for place in range(len(grey)):
            vessel, field = part.vessels[place], part.fields[place]
            assert not (vessel & ~field).any()
            assert 0.03 < vessel[field].mean() < 0.35
            assert grey[place][vessel].mean() < grey[place][field & ~vessel].mean() - 15
            assert grey[place][~field].mean() < 10


def test_vessels_depend_on_the_seed_alone() -> None:
    few, more, other = (synthetic.vessel_images(n, 1, rows=40, columns=50, seed=s) for n, s in ((2, 1), (3, 1), (2, 2)))
    np.testing.assert_array_equal(few.training.images, more.training.images[:2])
    assert (few.training.vessels != other.training.vessels).any()
    for arguments in ({"training": 0}, {"test": 0}, {"rows": 31}):
        with pytest.raises(ConfigurationError, match="at least 1 image in each part and 32 pixels a side"):
            synthetic.vessel_images(**arguments)
