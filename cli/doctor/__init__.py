"""What ``dhtctl doctor`` looks at: this machine first, then the network beyond it."""
