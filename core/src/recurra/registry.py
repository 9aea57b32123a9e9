"""x"""
from importlib import import_module
T={("cell","feed-forward"):"recurra_ntm.feed_forward:FeedForward",("memory","ntm"):"recurra_ntm.memory:NTMMemory"}
def load(kind,name):
    m,c=T[kind,name].split(":")
    return getattr(import_module(m),c)
