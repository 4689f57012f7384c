"""Redis Cluster: which node has a key, how commands get there, and what becomes of those that did not.

A command goes to the node of its first key. What a node sends on (``MOVED``, ``ASK``) or is not ready for
(``TRYAGAIN``, ``CLUSTERDOWN``) was not executed, so it is sent again at once, within a bound. What got no answer is
never sent again here: that is the lane's to decide, as on one server. A node that is away costs its own keys only.

Pure: ``slot_map``, ``redirects``, ``command_keys``, ``away``. With I/O: ``topology``, ``exchange``, ``line``,
``client``. redis-py's ``RedisCluster`` is not used, because it sends again what got no answer, and because it cannot
leave replies on their way. Source: ``docs/decisions/0090-cluster-over-plain-pools.md``.
"""
