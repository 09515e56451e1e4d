"""Charloom Studio: all of Charloom on a web page, for this computer alone.

`app` makes the web application; it alone, and what serves it, import FastAPI. `worker` is what
a training runs in: a process of its own, which the studio starts, follows through files, and
may be ended without.
"""
