"""The smallest components that keep their contracts: what the kit drives with, and proves itself on."""
