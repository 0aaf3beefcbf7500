"""Systems `esgnn-mutag`, `esgnn-collab` and `esgnn-cora`: echo-state graph networks on random resistors."""
