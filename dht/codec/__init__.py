"""Pure codecs: bencode, varint, multihash, CID. They know nothing of Kademlia."""
