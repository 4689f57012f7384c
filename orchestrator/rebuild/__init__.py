"""States made again from the archive, on as many cores and machines as there are, and put in place.

``task`` is the unit of work, one brand, which needs the archive alone; ``engines`` and ``cluster`` run many of them:
here, in processes of this machine, on a cluster of Dask. Only ``cli`` may import it, and workers of a cluster.
"""
