"""Git repositories without a server: a name leads to refs, and refs to packs that anybody seeds.

=====================  =========================================================================
:mod:`.core`           what is decided (pure): refs, the manifest, generations, packs, the helper's
                       protocol
:mod:`.program`        git itself, run as a program with an environment of our making
:mod:`.making`         a repository becomes a manifest and packs
:mod:`.fetching`       manifests and packs come from peers
:mod:`.quarantine`     nothing enters a repository that was not checked
:mod:`.mirror`         keeps a name's packs, and its record, without the key
=====================  =========================================================================

What was tried before asked one peer to pack what one client lacked, so each client got a torrent of
its own, and swarms never formed. Here the publisher cuts history into packs once, and everybody who
ever wants one of them wants the same bytes: see :mod:`.core.manifest`.
"""
