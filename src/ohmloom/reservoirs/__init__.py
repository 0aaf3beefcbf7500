"""Floor 4, reservoirs: fixed random matrices that compute, and the trained read-outs that make sense of them."""

from ohmloom.reservoirs.convolution import GraphConvolution, convolved
from ohmloom.reservoirs.encoder import EchoStateGraphEncoder, Matrix
from ohmloom.reservoirs.graphs import GraphBatch, Normalisation
from ohmloom.reservoirs.plain import PlainMatrix
from ohmloom.reservoirs.pooling import Pooling, pooled
from ohmloom.reservoirs.ridge import RidgeReadout

__all__ = [
    "EchoStateGraphEncoder",
    "GraphBatch",
    "GraphConvolution",
    "Matrix",
    "Normalisation",
    "PlainMatrix",
    "Pooling",
    "RidgeReadout",
    "convolved",
    "pooled",
]
