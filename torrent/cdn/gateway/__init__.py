"""A gateway: what names lead to, for browsers and whatever else speaks HTTP.

>>> async with Gateway(session, names, Library(session, root)) as gateway:      # doctest: +SKIP
...     await gateway.serve(listeners)

::

    bytes ─► Exchange (h11) ─► Asked ─► Gateway ─► Library ─► Torrent ─► Session
                 ▲                         │ finding: which file?
                 │                         ▼
    bytes ◄── Sender ◄── Plan ◄── planning(Asked, Resource.kind)

What is decided is pure and lies in :mod:`.core`; here is what needs sockets, files and clocks:

===========  ===================================================================================
`resources`  what can be sent: a kind, and where its bytes come from
`library`    the torrents at hand; which stay, and which go when there are too many
`gateway`    from a request to a resource
`server`     connections: reading requests, limits, hanging up
`sender`     bodies: from the kernel's cache where they are verified, or as they come from peers
===========  ===================================================================================

Others may add routes of their own: see :meth:`~torrent.cdn.gateway.gateway.Gateway.provide`.
"""
