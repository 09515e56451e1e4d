"""A server for others' clients: texts and scores over HTTP, by the names of OpenAI's interface.

Nothing here imports Keras or PyTorch, and `charloom` itself never imports FastAPI: the command
does when it runs.
"""
